import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import {
  type Credentials,
  descendantsOf,
  eventually,
  findProgram,
  freePort,
  RegistryClient,
  ServerProcess,
  stillRunning,
  tempFolder,
  tryCommand,
} from '@berth/testing';

export type Mode = 'standalone' | 'distributed';

/** A running registry under test. */
export interface Stack {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** `http://127.0.0.1:port` */
  readonly base: string;
  /** Undefined where the registry under test asks for none. */
  readonly credentials?: Credentials;
  /** The raw client with the credentials, one for the life of the stack: a token is asked for once. */
  client(): RegistryClient;
  /** The process ids of each service; one entry, `standalone`, in that mode. */
  processes(): Record<string, number[]>;
  /** The internal address of each process of a service; distributed only. */
  addresses(service: string): string[];
  /** Resolves when the registry says that it is ready; for after a fault. */
  waitUntilReady(): Promise<void>;
  /** Starts the registry again on the same data and port. */
  restart(): Promise<void>;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '../..');
const START_WITHIN = 120_000;

/** The mode that this run of the suite is for. */
export function modeOfThisRun(): Mode {
  const mode = process.env.E2E_MODE ?? 'standalone';
  if (mode !== 'standalone' && mode !== 'distributed') throw new Error(`E2E_MODE is ${mode}`);
  return mode;
}

/** True where the suite runs against a registry that it did not start (E2E_REGISTRY): nothing of it can be killed. */
export function isForeignRegistry(): boolean {
  return Boolean(process.env.E2E_REGISTRY);
}

/** False where a registry of E2E_REGISTRY is open to all: without E2E_USER there is nothing to be refused. */
export function asksForLogin(): boolean {
  return !isForeignRegistry() || Boolean(process.env.E2E_USER);
}

/** Why this mode cannot be run on this machine; undefined when it can. */
export function reasonAgainst(mode: Mode): string | undefined {
  if (mode === 'standalone' || isForeignRegistry()) return undefined;
  return findProgram('nats-server').reason ?? findProgram('minio').reason;
}

/** Starts Berth with a data folder and ports of its own, or names the one that E2E_REGISTRY addresses. */
export async function startStack(
  mode: Mode = modeOfThisRun(),
  settings: Record<string, string> = {},
  replicas: Record<string, number> = { 'registry-v2': 2 },
): Promise<Stack> {
  const foreign = process.env.E2E_REGISTRY;
  if (foreign) return foreignStack(foreign);
  const folder = tempFolder('berth-e2e');
  chmodSync(folder.path, 0o755); // the embedded PostgreSQL below it runs as another user
  const dataDir = join(folder.path, 'data');
  const [port, internalPort] = [await freePort(), await freePort()];
  const credentials = { user: 'admin', password: randomBytes(12).toString('base64url') };
  const base = `http://127.0.0.1:${port}`;
  const ready = () => isReady(base);
  const client = new RegistryClient(base, credentials);
  const server = await ServerProcess.start({
    name: `berth (${mode})`,
    file: process.execPath,
    args: programOf(mode, replicas),
    cwd: ROOT,
    env: {
      ...inheritedEnvironment(),
      BERTH_PORT: String(port),
      BERTH_INTERNAL_PORT: String(internalPort),
      BERTH_DATA_DIR: dataDir,
      BERTH_ADMIN_PASSWORD: credentials.password,
      ...settings,
    },
    folder,
    logFile: join(folder.path, 'berth.log'),
    ready,
    readyWithin: START_WITHIN,
    stopWithin: 60_000 /* longer than a graceful shutdown may take */,
  });
  return {
    host: `127.0.0.1:${port}`,
    base,
    credentials,
    client: () => client,
    processes: () => (mode === 'standalone' ? { standalone: [server.pid] } : readPids(dataDir)),
    addresses: (service) => (readJson(join(dataDir, 'addresses.json')) as Record<string, string[]>)[service] ?? [],
    waitUntilReady: async () => {
      await eventually(ready, { what: 'the registry is ready again', within: START_WITHIN });
    },
    restart: () => server.restart(),
    logTail: (lines) => server.logTail(lines),
    stop: async () => {
      const below = server.running ? await descendantsOf(server.pid) : [];
      await server.stop();
      const crash = server.unexpectedEnd;
      const left = await stillRunning(below);
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      await endOrphanedPostgres(dataDir);
      const log = server.logTail();
      folder.remove();
      if (crash) throw new Error(crash);
      if (left.length) throw new Error(`${left.length} processes outlived the stop of berth (${mode}):\n${log}`);
    },
  };
}

function programOf(mode: Mode, replicas: Record<string, number>): string[] {
  if (mode === 'standalone') return ['apps/standalone/dist/main.js'];
  const counts = Object.entries(replicas).flatMap(([service, count]) => ['--replicas', `${service}=${count}`]);
  return ['tools/dev-distributed.mjs', ...counts];
}

/** Settings of the machine's own Berth must not reach the one under test. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(BERTH_|NODE_OPTIONS$|JEST_)/.test(name)),
  );
}

async function isReady(base: string): Promise<boolean> {
  return (await fetch(`${base}/readyz`)).status === 200;
}

/** dev-distributed keeps this file while it runs: `{"registry-v2":[101,102],...}`. */
function readPids(dataDir: string): Record<string, number[]> {
  return readJson(join(dataDir, 'pids.json')) as Record<string, number[]>;
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

/** A Berth that crashed and was not started again leaves its PostgreSQL running, as nobody's child. */
async function endOrphanedPostgres(dataDir: string): Promise<void> {
  for (const folder of ['postgres', 'distributed/postgres']) {
    const pidFile = join(dataDir, folder, 'postmaster.pid');
    if (!existsSync(pidFile)) continue;
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    const { stdout } = await tryCommand('ps', ['-p', String(pid), '-o', 'args=']);
    if (stdout.includes(dataDir)) process.kill(pid, 'SIGQUIT');
  }
}

function foreignStack(host: string): Stack {
  const { E2E_USER: user, E2E_PASSWORD: password } = process.env;
  const credentials = user && password ? { user, password } : undefined;
  const client = new RegistryClient(`http://${host}`, credentials);
  const notOurs = () => {
    throw new Error('the registry of E2E_REGISTRY is not ours to stop');
  };
  return {
    host,
    base: `http://${host}`,
    credentials,
    client: () => client,
    processes: notOurs,
    addresses: notOurs,
    waitUntilReady: async () => undefined,
    restart: notOurs,
    logTail: () => '(not our registry)',
    stop: async () => undefined,
  };
}
