import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { eventually } from '@berth/testing';
import { Client, type ClientBase, Pool } from 'pg';

/** Where a barrier stands: a row of a table that is about to change, or a transaction that has changed it and commits. */
export interface BarrierPlace {
  /** `registry.blob` */
  table: string;
  operation: 'INSERT' | 'UPDATE' | 'DELETE';
  /** What columns the row has: before a delete, else afterwards. Default: any row. */
  row?: Record<string, string | number | null>;
  /** Who is held, by its application_name. Default: everybody but the test. */
  service?: string;
  /** `change` (default): before the row changes, with the locks of all that came before; `commit`: before its transaction commits. */
  moment?: 'change' | 'commit';
}

/** Somebody's connection that stands at a barrier, or waits for a lock. */
export interface Waiter {
  /** The PostgreSQL backend. */
  backend: number;
  service: string;
  /** The process at the other end of the connection. */
  process: number;
}

interface Connection {
  backend: number;
  service: string;
  /** Of its end of the connection, and of PostgreSQL's. */
  port: number;
  serverPort: number;
}

export interface Barrier {
  /** Resolves when so many stand there (default: one). They go on only when it is opened. */
  reached(count?: number): Promise<Waiter[]>;
  open(): Promise<void>;
}

const OWN_NAME = 'races';
/** The class of the advisory locks of barriers. */
const LOCKS = 7_061;
const WITHIN = 30_000;

const TABLES = [
  ...['repository', 'blob', 'repository_blob', 'manifest', 'manifest_blob', 'manifest_child', 'tag', 'object_deletion'],
  ...['blob_quarantine', 'orphan_object'],
].map((table) => `registry.${table}`);

/** No table of Berth's: what a barrier is, and the trigger that looks for one. It costs a look into a small table. */
const SET_UP = `
  CREATE SCHEMA races;
  CREATE TABLE races.barrier (lock int PRIMARY KEY, place text NOT NULL, matches jsonb NOT NULL, service text);
  CREATE FUNCTION races.stand() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    changed jsonb;
    found int;
  BEGIN
    IF current_setting('application_name') <> '${OWN_NAME}' THEN
      changed := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
      FOR found IN SELECT lock FROM races.barrier
        WHERE place = concat_ws(' ', TG_ARGV[0], TG_OP, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME) AND changed @> matches
          AND coalesce(service, current_setting('application_name')) = current_setting('application_name')
      LOOP
        PERFORM pg_advisory_xact_lock_shared(${LOCKS}, found);
      END LOOP;
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
  END $$;
  ${[...TABLES, 'storage.upload_session', 'manage.organisation']
    .map(
      (table) => `
  CREATE TRIGGER aaa_races_change BEFORE INSERT OR UPDATE OR DELETE ON ${table}
    FOR EACH ROW EXECUTE FUNCTION races.stand('change');
  CREATE CONSTRAINT TRIGGER zzz_races_commit AFTER INSERT OR UPDATE OR DELETE ON ${table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION races.stand('commit');`,
    )
    .join('')}`;

/**
 * Holds transactions of the services at a named place, and sees that they stand there: nothing of Berth is changed for it
 * but triggers on its tables, which wait for a lock that the test has.
 */
export class Barriers {
  private last = 0;
  private readonly standing = new Set<Barrier>();

  private constructor(
    private readonly url: string,
    /** Asks and changes rows. */
    private readonly pool: Pool,
    /** Has the locks of the barriers, and never waits: of one that did, PostgreSQL would make the victim of a deadlock. */
    private keeper: Client,
  ) {}

  /** Of a database that has Berth's tables. */
  static async setUp(url: string): Promise<Barriers> {
    const pool = new Pool({ ...connection(url), max: 4 });
    pool.on('error', () => undefined);
    await pool.query(SET_UP);
    return new Barriers(url, pool, await connect(url));
  }

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(text, values)).rows;
  }

  /** Whoever comes to this place from now on stands there until it is opened. */
  async stand({ table, operation, row = {}, service, moment = 'change' }: BarrierPlace): Promise<Barrier> {
    const lock = ++this.last;
    await this.keeper.query('SELECT pg_advisory_lock($1, $2)', [LOCKS, lock]);
    await this.rows('INSERT INTO races.barrier VALUES ($1, $2, $3, $4)', [
      lock,
      `${moment} ${operation} ${table}`,
      JSON.stringify(row),
      service ?? null,
    ]);
    return this.barrier(
      `${moment} of ${operation} ${table}`,
      () => this.atAdvisoryLock(lock),
      async () => {
        await this.rows('DELETE FROM races.barrier WHERE lock = $1', [lock]);
        await this.keeper.query('SELECT pg_advisory_unlock($1, $2)', [LOCKS, lock]);
      },
    );
  }

  /** Has the rows that `select` finds locked, by a transaction of the test: whoever wants to lock or change them waits. */
  async lockRows(select: string, values: unknown[] = []): Promise<Barrier> {
    const holder = await connect(this.url);
    await holder.query('BEGIN');
    const { rowCount } = await holder.query(`${select} FOR UPDATE`, values);
    if (rowCount === 0) throw new Error(`there is no such row: ${select}`);
    const backend = await backendOf(holder);
    return this.barrier(
      `the lock of ${select}`,
      () => this.blockedBy(backend),
      () => holder.end(),
    );
  }

  /** Resolves when so many connections of the service wait for a lock, whoever has it: of a barrier's waiter for example. */
  async untilBlockedBehind(waiter: Waiter, count = 1): Promise<Waiter[]> {
    return this.until(count, () => this.blockedBy(waiter.backend), `behind ${waiter.service} (${waiter.backend})`);
  }

  /** Opens a barrier, and resolves when the transactions of those that stood there have ended. */
  async letEnd(barrier: Barrier, waiters: Waiter[]): Promise<void> {
    const values = [waiters.map(({ backend }) => backend)];
    const running = () =>
      this.rows<{ key: string }>(
        `SELECT pid || ' ' || xact_start AS key FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND xact_start IS NOT NULL`,
        values,
      );
    const before = (await running()).map(({ key }) => key);
    await barrier.open();
    const haveEnded = async () => !(await running()).some(({ key }) => before.includes(key));
    await eventually(haveEnded, { what: 'the transactions have ended', within: WITHIN });
  }

  /** Connections of a service that are in a transaction now. */
  async transactionsOf(service: string): Promise<number> {
    const [row] = await this.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = $1 AND state LIKE 'idle in transaction%'`,
      [service],
    );
    return row!.count;
  }

  /** Cuts the connection, as PostgreSQL does at its timeouts. */
  async cut({ backend }: Waiter): Promise<void> {
    await this.rows('SELECT pg_terminate_backend($1)', [backend]);
    await eventually(
      async () => (await this.rows('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [backend])).length === 0,
      { what: `the backend ${backend} is gone` },
    );
  }

  /** Cuts all connections but those of the test. */
  async cutServices(): Promise<void> {
    await this.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> $1`,
      [OWN_NAME],
    );
  }

  /** After PostgreSQL was killed: nobody stands anywhere. */
  async reconnect(): Promise<void> {
    await this.keeper.end().catch(() => undefined);
    this.keeper = await connect(this.url);
    this.standing.clear();
    await this.rows('DELETE FROM races.barrier');
  }

  /** Opens what a test that failed has left standing. */
  async openAll(): Promise<void> {
    for (const barrier of this.standing) await barrier.open();
  }

  async close(): Promise<void> {
    await this.openAll();
    await Promise.all([this.pool.end(), this.keeper.end()]);
  }

  private barrier(what: string, look: () => Promise<Connection[]>, open: () => Promise<void>): Barrier {
    const barrier: Barrier = {
      reached: (count = 1) => this.until(count, look, what),
      open: async () => {
        if (this.standing.delete(barrier)) await open();
      },
    };
    this.standing.add(barrier);
    return barrier;
  }

  private async until(count: number, look: () => Promise<Connection[]>, what: string): Promise<Waiter[]> {
    const check = async () => {
      const connections = await look();
      return connections.length >= count ? connections : null;
    };
    const found = await eventually(check, { what: `${count} wait at ${what}`, within: WITHIN });
    return found.map(({ backend, service, port, serverPort }) => ({
      backend,
      service,
      process: processWithPort(port, serverPort),
    }));
  }

  private async atAdvisoryLock(lock: number): Promise<Connection[]> {
    return this.waitersOf(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND NOT granted`,
      [LOCKS, lock],
    );
  }

  /** Directly or behind one another. */
  private async blockedBy(backend: number): Promise<Connection[]> {
    return this.waitersOf(
      `WITH RECURSIVE waits AS (
         SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'),
       behind AS (
         SELECT pid FROM waits WHERE $1::int = ANY(blockers)
         UNION SELECT waits.pid FROM waits JOIN behind ON behind.pid = ANY(waits.blockers))
       SELECT pid FROM behind`,
      [backend],
    );
  }

  private async waitersOf(select: string, values: unknown[]): Promise<Connection[]> {
    const found = await this.rows<{ pid: number; application_name: string; client_port: number; server_port: number }>(
      `SELECT a.pid, application_name, client_port, inet_server_port() AS server_port FROM pg_stat_activity a JOIN (${select}) w ON w.pid = a.pid ORDER BY a.pid`,
      values,
    );
    return found.map(({ pid, application_name, client_port, server_port }) => ({
      backend: pid,
      service: application_name,
      port: client_port,
      serverPort: server_port,
    }));
  }
}

/** What a test waits for in vain fails it, before it holds up all that follows. */
const connection = (url: string) => ({
  connectionString: url,
  application_name: OWN_NAME,
  options: `-c lock_timeout=${WITHIN} -c default_transaction_read_only=off`,
});

async function connect(url: string): Promise<Client> {
  const client = new Client(connection(url));
  // One that PostgreSQL's end cuts fails at its next query, and not on its own.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function backendOf(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}

/** The process that has a TCP connection from this local port to that one: of two connections, one may have the same local port. */
function processWithPort(port: number, serverPort: number): number {
  const [from, to] = [port, serverPort].map((each) => `:${each.toString(16).toUpperCase().padStart(4, '0')}`);
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((each) => each.trim().split(/\s+/))
    .find(([, local, remote, state]) => local?.endsWith(from!) && remote?.endsWith(to!) && state === '01');
  const socket = `socket:[${line?.[9]}]`;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (filesOf(pid).includes(socket)) return Number(pid);
  }
  throw new Error(`no process has a connection from port ${port} to ${serverPort}`);
}

function filesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((file) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${file}`);
      } catch {
        return '';
      }
    });
  } catch {
    return []; // it has ended, or is another user's
  }
}
