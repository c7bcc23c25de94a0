import { randomBytes } from 'node:crypto';
import { chownSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { Client, escapeIdentifier } from 'pg';

import { eventually } from '../eventually.js';
import { runCommand } from '../run-command.js';
import { tempFolder } from '../temp-folder.js';
import { freePort } from './free-port.js';
import { postgresPrograms, UNPRIVILEGED } from './postgres-programs.js';
import { childrenOf, processExists } from './process-tree.js';
import { ServerProcess } from './server-process.js';

export interface PostgresOptions {
  /** Server settings over the defaults of the kit, such as `{ max_connections: 20 }`. */
  settings?: Record<string, string | number>;
  /** A folder that `backUp` has written: the server begins with what was there then. */
  backup?: string;
  /** Files of the data folder by name, such as the `server.crt` and `server.key` of the setting `ssl`. */
  files?: Record<string, string>;
}

export interface TestPostgres {
  readonly port: number;
  readonly pid: number;
  /** The maintenance database; tests take one of their own by createDatabase. */
  readonly url: string;
  urlOf(database: string): string;
  /** An empty database (or a copy of `template`, about 80 ms); gives its URL. */
  createDatabase(name?: string, options?: { template?: string }): Promise<string>;
  /**
   * Copies all databases into a folder that is not there yet, as they are at one moment, while clients go on: a base backup
   * (PostgreSQL, "Making a Base Backup Using the Low Level API").
   */
  backUp(folder: string): Promise<void>;
  logTail(lines?: number): string;
  /** Ends the server in order; its data stays for restart. */
  pause(): Promise<void>;
  /** kill -9 of the postmaster; its data stays for restart. */
  kill(): Promise<void>;
  /** The same data on the same port again. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/** A server that follows another one, and only reads until it is promoted. */
export interface TestStandby extends TestPostgres {
  /** It takes writes from now on, as the primary. */
  promote(): Promise<void>;
}

// A crash of the process loses nothing without fsync, only a crash of the machine does.
const TEST_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: 200,
  shared_buffers: '64MB',
  // A base backup needs the log since its begin, over a checkpoint too.
  wal_keep_size: '1GB',
};

/** Starts the PostgreSQL that comes with the npm packages, with a data folder and a port of its own: about 1 s. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const programs = await postgresPrograms();
  const account = process.getuid?.() === 0 ? UNPRIVILEGED : undefined;
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const folder = tempFolder('berth-pg');
  const data = join(folder.path, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (options.backup !== undefined) cpSync(options.backup, data, { recursive: true });
  if (account) {
    chownSync(folder.path, account.uid, account.gid);
    await runCommand('chown', ['-R', `${account.uid}:${account.gid}`, data]);
  }
  if (options.backup === undefined) await initialise(programs.initdb, data, account, env);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    writeFileSync(join(data, name), content, { mode: 0o600 });
    if (account) chownSync(join(data, name), account.uid, account.gid);
  }
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...TEST_SETTINGS,
    ...options.settings,
  };
  const urlOf = (database: string) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  const server = await ServerProcess.start({
    name: 'postgres',
    file: programs.postgres,
    args: ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env,
    ...account,
    folder,
    logFile: join(folder.path, 'postgres.log'),
    ready: () => answers(urlOf('postgres')),
    stopSignal: 'SIGINT', // the "fast" shutdown: does not wait for clients to leave
  });
  return {
    port,
    get pid() {
      return server.pid;
    },
    url: urlOf('postgres'),
    urlOf,
    createDatabase: async (name = `test_${randomBytes(6).toString('hex')}`, { template } = {}) => {
      const from = template ? ` TEMPLATE ${escapeIdentifier(template)}` : '';
      await query(urlOf('postgres'), `CREATE DATABASE ${escapeIdentifier(name)}${from}`);
      return urlOf(name);
    },
    backUp: (to) => baseBackup(urlOf('postgres'), data, to),
    logTail: (lines) => server.logTail(lines),
    pause: () => server.stop(),
    kill: async () => {
      const backends = await childrenOf(server.pid);
      await server.kill();
      // The backends notice by themselves that their postmaster is gone; until then they hold its shared memory.
      await eventually(() => !backends.some(processExists), { what: 'the backends of the killed postgres are gone' });
    },
    restart: () => server.restart(),
    stop: async () => {
      await server.stop();
      folder.remove();
    },
  };
}

/**
 * Starts a standby of a running server, which from then on answers a commit only when the standby has it too (PostgreSQL,
 * "Synchronous Replication").
 */
export async function startStandby(primary: TestPostgres): Promise<TestStandby> {
  const folder = tempFolder('berth-standby');
  try {
    const backup = join(folder.path, 'data');
    await primary.backUp(backup);
    writeFileSync(join(backup, 'standby.signal'), '');
    const settings = { primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres` };
    const standby = await startPostgres({ backup, settings });
    await query(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await query(primary.url, 'SELECT pg_reload_conf()');
    const follows = `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`;
    await eventually(async () => (await query(primary.url, follows)) === 1, { what: 'the standby follows' });
    const promote = async () => void (await query(standby.url, 'SELECT pg_promote()'));
    return Object.assign(standby, { promote });
  } finally {
    folder.remove();
  }
}

async function initialise(
  initdb: string,
  data: string,
  account: { uid: number; gid: number } | undefined,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C.UTF-8'];
  // -N: no fsync of a data folder that the test run removes again.
  await runCommand(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', ...locale, '-N'], {
    ...account,
    env,
    cwd: '/',
  });
}

/** Of a running server: a lock file, and a cache that it removes at any time. Its log is copied behind all else. */
const NOT_BACKED_UP = /^(postmaster\.(pid|opts)|pg_internal\.init.*)$/;

async function baseBackup(url: string, data: string, to: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('test', true)`);
    cpSync(data, to, {
      recursive: true,
      filter: (path) => !NOT_BACKED_UP.test(basename(path)) && dirname(path) !== join(data, 'pg_wal'),
    });
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    writeFileSync(join(to, 'backup_label'), rows[0]!.labelfile);
    cpSync(join(data, 'pg_wal'), join(to, 'pg_wal'), { recursive: true });
  } finally {
    await client.end();
  }
}

async function answers(url: string): Promise<boolean> {
  await query(url, 'SELECT 1');
  return true;
}

/** Gives the number of rows. */
async function query(url: string, sql: string): Promise<number> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  await client.connect();
  try {
    return (await client.query(sql)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
