import { setTimeout } from 'node:timers/promises';
import { registryError } from '@berth/oci';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.js';

export interface DatabaseOptions {
  url: string;
  /** Connections of this process at most. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** On whose behalf the process works at the moment: the audit record of what it changes. Null: on its own. */
  origin?: () => ChangeOrigin | null;
  /** Runs each statement, and shows it in the trace of whoever asked. */
  traced?: Traced;
}

type Traced = <T>(statement: string, work: () => Promise<T>) => Promise<T>;

/** Who changes something, as the audit record has it. */
export interface ChangeOrigin {
  requestId: string;
  userId?: string;
  credential?: string;
  address?: string;
}

/** One row as pg gives it: bigint columns are strings. */
export type Row = Record<string, unknown>;

/**
 * A statement. With a name, which must be unique in the process, PostgreSQL plans it once per connection; without, anew for
 * its values each time, where those decide which index serves.
 */
export interface Statement {
  name?: string;
  text: string;
  /**
   * Changes what is in the audit record: its last parameter says who, and is added by `rows`. In the text it stands as
   * `audit.by($n)`, a condition that is always true, where it is sure to be asked.
   */
  audited?: true;
}

const CONNECT_TIMEOUT_MS = 3_000;
/** PostgreSQL ends a statement before who asked stops waiting for it: one that nobody waits for would keep its locks. */
const STATEMENT_TIMEOUT_MS = 14_000;
const ANSWER_TIMEOUT_MS = 15_000;
/**
 * A process that stops in a transaction, or is cut off, keeps its locks no longer than who waits for them waits: PostgreSQL undoes
 * the transaction then, and whatever the process does when it goes on fails.
 */
const IDLE_IN_TRANSACTION_MS = 8_000;
const DEADLOCK_ATTEMPTS = 5;
/** Longer than the winner of a deadlock takes to wake up; not the same for all, so that victims do not meet again. */
const deadlockPauseMs = () => 10 + Math.random() * 40;

/**
 * The one pool of a process. `prisma` serves what is rare and shaped by the schema; `rows` runs prepared statements for
 * the push and pull paths (three times the throughput, docs/adr/0004). A database that cannot be reached, or says that
 * it goes away, or a statement that takes longer than 14 seconds, is RegistryError UNAVAILABLE.
 */
export class Database {
  readonly prisma: PrismaClient;
  private readonly pool: pg.Pool;
  private readonly origin: () => ChangeOrigin | null;
  private readonly traced: Traced;

  constructor(options: DatabaseOptions) {
    this.origin = options.origin ?? (() => null);
    this.traced = options.traced ?? ((_statement, work) => work());
    this.pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolSize,
      application_name: options.applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
    });
    // A connection that breaks is replaced at the next query, which reports the trouble to its caller.
    this.pool.on('error', () => undefined);
    letGoOfReadOnly(this.pool);
    this.prisma = this.openPrisma();
  }

  /** Runs one statement, and again where it was the victim of a deadlock. */
  rows<T extends object = Row>(statement: Statement, values: unknown[]): Promise<T[]> {
    return this.run(async () => {
      const result = await this.traced(nameOf(statement), () => this.pool.query<T>(this.query(statement, values)));
      return result.rows;
    });
  }

  /**
   * Runs `work` in one READ COMMITTED transaction on one connection; a throw rolls back. The victim of a deadlock runs
   * again from its start: whatever `work` does outside of the database must bear that.
   */
  transaction<T>(work: (rows: Database['rows']) => Promise<T>): Promise<T> {
    return this.run(async () => {
      const client = await this.pool.connect();
      // Without a listener a connection that is cut between two statements would end the process.
      client.on('error', ignore);
      const release = (broken?: Error) => {
        client.release(broken);
        client.off('error', ignore);
      };
      const rows: Database['rows'] = async <R extends object>(statement: Statement, values: unknown[]) =>
        (await this.traced(nameOf(statement), () => client.query<R>(this.query(statement, values)))).rows;
      try {
        await client.query('BEGIN');
        const result = await work(rows);
        await client.query('COMMIT');
        release();
        return result;
      } catch (error) {
        await client.query('ROLLBACK').then(() => release(), release);
        throw error;
      }
    });
  }

  /** Resolves when the database answers, and takes writes. */
  async ready(): Promise<void> {
    await this.rows(READY, []).catch((error: unknown) => {
      if (!(error instanceof Error) || stateOf(error.cause) !== READ_ONLY) throw error;
      throw registryError('UNAVAILABLE', undefined, { message: ONLY_READS, cause: error.cause });
    });
  }

  async close(): Promise<void> {
    await this.prisma.$disconnect();
    if (!this.pool.ended) await this.pool.end();
  }

  /** Connections: open, idle, and callers that wait for one. */
  poolUse(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  private query({ name, text, audited }: Statement, values: unknown[]) {
    if (!audited) return { name, text, values };
    const origin = this.origin();
    return { name, text, values: [...values, origin && JSON.stringify(origin)] };
  }

  private openPrisma(): PrismaClient {
    // Its transactions may take as long as any other: by itself Prisma gives up one that waited for a lock for five seconds.
    const transactionOptions = { maxWait: ANSWER_TIMEOUT_MS, timeout: ANSWER_TIMEOUT_MS };
    const prisma = new PrismaClient({ adapter: new PrismaPg(this.pool), transactionOptions });
    const transaction = prisma.$transaction.bind(prisma) as (...args: unknown[]) => Promise<unknown>;
    return prisma.$extends({
      query: {
        $allOperations: ({ model = 'prisma', operation, args, query }) =>
          this.run(() => this.traced(`${model}.${operation}`, () => query(args))),
      },
      client: { $transaction: (...args: unknown[]) => this.run(() => transaction(...args)) },
    }) as unknown as PrismaClient;
  }

  /**
   * PostgreSQL undid what it chose as the victim of a deadlock: nothing of it happened, so it runs again. Not at once: it
   * would take the lock from under the one that waited for it, and be in the same deadlock.
   */
  private async run<T>(attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (isDeadlock(error) && attempts < DEADLOCK_ATTEMPTS) {
          await setTimeout(deadlockPauseMs());
          continue;
        }
        throw isOutage(error) ? registryError('UNAVAILABLE', undefined, { cause: error }) : error;
      }
    }
  }
}

const READ_ONLY = '25006';
const ONLY_READS = 'the database only reads';

/** An error, so that the connection goes; of a replica transaction_read_only is always on. */
const READY: Statement = {
  name: 'database-ready',
  text: `DO $$ BEGIN
    IF current_setting('transaction_read_only')::bool THEN RAISE SQLSTATE '${READ_ONLY}' USING MESSAGE = '${ONLY_READS}'; END IF;
  END $$`,
};

/** What pg's connection tells of each error that the server sends; not in its types. */
interface WithConnection {
  connection: { on(event: 'errorMessage', hear: (error: { code?: string }) => void): void };
}

/**
 * After a failover a connection may lead to a server that only reads from now on, and would be kept as long as it answers. One
 * that refused a write is not given to the next caller, whoever had it: a new one leads to the primary, where there is one.
 */
function letGoOfReadOnly(pool: pg.Pool): void {
  const refused = new WeakSet<pg.PoolClient>();
  pool.on('connect', (client) => {
    (client as unknown as WithConnection).connection.on('errorMessage', ({ code }) => {
      if (code === READ_ONLY) refused.add(client);
    });
  });
  // The pool does not keep a connection that is ending.
  pool.on('release', (_error, client) => {
    if (refused.has(client)) void client.end();
  });
}

const ignore = () => undefined;
const nameOf = ({ name = 'unnamed' }: Statement) => name;

/** Among them 25006: a server that only reads is not, or not yet, the one that decides; and 57014: it took too long. */
const OUTAGE_STATES = /^(08|57P0|57014|53[34]|58|25P03|25006)/;
const OUTAGE_MESSAGES =
  /Connection terminated|timeout exceeded|Query read timeout|Client has encountered|server closed/i;
const OUTAGE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  // Prisma: cannot be reached, timed out, timed out, closed the connection, no connection free, too many connections.
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2037',
]);

/** What pg throws (a SQLSTATE or an errno in `code`), or Prisma (its own code, and pg's inside). */
interface DatabaseError {
  code?: string;
  message?: string;
  meta?: { driverAdapterError?: { cause?: { originalCode?: string } } };
}

/** The SQLSTATE of a statement that failed; of other errors whatever code they have. */
function stateOf(error: unknown): string {
  const { code, meta } = (error ?? {}) as DatabaseError;
  return meta?.driverAdapterError?.cause?.originalCode ?? code ?? '';
}

function isOutage(error: unknown): boolean {
  const code = stateOf(error);
  const message = (error as DatabaseError | null)?.message ?? '';
  return OUTAGE_STATES.test(code) || OUTAGE_CODES.has(code) || OUTAGE_MESSAGES.test(message);
}

const FOREIGN_KEY_VIOLATION = '23503';
/** What PostgreSQL 18 and later say where the key is ON DELETE RESTRICT; until 17 it was the former as well. */
const RESTRICT_VIOLATION = '23001';
const DEADLOCK_DETECTED = '40P01';

/** A row that the statement referred to went away, or is still referred to. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  stateOf(error) === FOREIGN_KEY_VIOLATION || stateOf(error) === RESTRICT_VIOLATION;

/** query_canceled, and the class of system errors, such as a block of a table that cannot be read. */
const STATES_OF_ONE_STATEMENT = /^(57014|58)/;

/** UNAVAILABLE for a statement that took too long, or met a fault of the disk, while the database is there. */
export const isOfOneStatement = (error: unknown): boolean =>
  error instanceof Error && STATES_OF_ONE_STATEMENT.test(stateOf(error.cause));

const isDeadlock = (error: unknown): boolean => stateOf(error) === DEADLOCK_DETECTED;
