import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findPostgres } from './postgres-programs.js';
import { type PostgresUser, postgresUser } from './postgres-user.js';

const LOG_TAIL = 4_096;
const LEFTOVER_MS = 30_000;
const POLL_MS = 50;

/** The PostgreSQL of the npm package, on a data folder of ours and a free loopback port, as a child of this process. */
export class EmbeddedPostgres {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /**
   * For whoever holds the data folder's lock: a server that a killed process left behind on it is stopped first.
   * `overrides` are settings of postgresql.conf.
   */
  static async start(folder: string, overrides: Record<string, string | number> = {}): Promise<EmbeddedPostgres> {
    const programs = await findPostgres();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const user = postgresUser(folder);
    if (!existsSync(join(folder, 'PG_VERSION'))) initialise(programs.initdb, folder, user);
    await stopLeftover(folder);
    const settings = {
      port: await freePort(),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: 100,
      shared_buffers: '128MB',
      ...overrides,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [program, ...args] = [...user.launcher, programs.postgres, '-D', folder, ...options];
    // Its own process group: a Ctrl-C in the terminal must reach us first, so that what is in flight still has a database.
    const child = spawn(program!, args, {
      ...user.options,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment(),
      detached: true,
    });
    await untilReady(child);
    return new EmbeddedPostgres(child, `postgresql://postgres@127.0.0.1:${settings.port}/postgres`);
  }

  /** Ends its connections, writes a checkpoint, and is gone when this resolves. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGINT');
    await gone;
  }

  /** Calls back when the database ends without having been asked to. */
  onUnexpectedExit(callback: (code: number | null) => void): void {
    this.child.once('exit', callback);
  }
}

const environment = () => ({ PATH: process.env['PATH'] ?? '', LC_ALL: 'C' });

function initialise(initdb: string, folder: string, user: PostgresUser): void {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C.UTF-8'];
  const options = ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', ...locale];
  const [program, ...args] = [...user.launcher, initdb, ...options];
  const run = spawnSync(program!, args, { ...user.options, env: environment(), encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`initdb failed: ${run.error?.message ?? run.stderr.trim()}`);
}

/** Its pid file names the server, and the folder that the server works on. */
async function stopLeftover(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  const [pid, workingFolder] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  if (!pid || workingFolder !== folder || !isPostgres(Number(pid))) return;
  process.kill(Number(pid), 'SIGINT');
  for (const deadline = Date.now() + LEFTOVER_MS; isPostgres(Number(pid)); await delay(POLL_MS)) {
    if (Date.now() > deadline) throw new Error(`an earlier PostgreSQL, process ${pid}, does not let go of ${folder}`);
  }
}

/** The pid may long be somebody else's. */
function isPostgres(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' });
  return (stdout ?? '').includes('postgres');
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-LOG_TAIL);
      if (log.includes('ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`PostgreSQL ended with status ${code}: ${fatalOf(log)}`)));
  });
}

/** What PostgreSQL says last, without the time and the process before each line. */
function fatalOf(log: string): string {
  const lines = log.trim().split('\n');
  const fatal = lines.findLastIndex((line) => /\b(FATAL|PANIC): /.test(line));
  const said = lines.slice(fatal < 0 ? -1 : fatal);
  return said.map((line) => line.replace(/^.*?\b[A-Z]+: +/, '').trim()).join(': ');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
