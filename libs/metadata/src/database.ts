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
}

/** One row as pg gives it: bigint columns are strings. */
export type Row = Record<string, unknown>;

/** A statement that PostgreSQL plans once per connection: `name` must be unique in the process. */
export interface Statement {
  name: string;
  text: string;
}

const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * The one pool of a process. `prisma` serves what is rare and shaped by the schema; `rows` runs prepared statements for
 * the push and pull paths (three times the throughput, docs/adr/0004). A database that cannot be reached, or says that
 * it goes away, is RegistryError UNAVAILABLE.
 */
export class Database {
  readonly prisma: PrismaClient;
  private readonly pool: pg.Pool;

  constructor(options: DatabaseOptions) {
    this.pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolSize,
      application_name: options.applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    // An idle connection that breaks is replaced at the next query, which reports the trouble to its caller.
    this.pool.on('error', () => undefined);
    this.prisma = new PrismaClient({ adapter: new PrismaPg(this.pool) });
  }

  async rows<T extends object = Row>(statement: Statement, values: unknown[]): Promise<T[]> {
    try {
      const result = await this.pool.query<T>({ name: statement.name, text: statement.text, values });
      return result.rows;
    } catch (error) {
      throw this.translate(error);
    }
  }

  /** Runs `work` in one READ COMMITTED transaction on one connection; a throw rolls back. */
  async transaction<T>(work: (rows: Database['rows']) => Promise<T>): Promise<T> {
    const client = await this.connect();
    const rows: Database['rows'] = async <R extends object>(statement: Statement, values: unknown[]) =>
      (await client.query<R>({ name: statement.name, text: statement.text, values })).rows;
    try {
      await client.query('BEGIN');
      const result = await work(rows);
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      await client.query('ROLLBACK').then(
        () => client.release(),
        (broken: Error) => client.release(broken),
      );
      throw this.translate(error);
    }
  }

  /** Resolves when the database answers. */
  async ready(): Promise<void> {
    await this.rows({ name: 'database-ready', text: 'SELECT 1' }, []);
  }

  async close(): Promise<void> {
    await this.prisma.$disconnect();
    if (!this.pool.ended) await this.pool.end();
  }

  /** Connections: open, idle, and callers that wait for one. */
  poolUse(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  private async connect(): Promise<pg.PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      throw this.translate(error);
    }
  }

  private translate(error: unknown): unknown {
    return isOutage(error) ? registryError('UNAVAILABLE', undefined, { cause: error }) : error;
  }
}

const OUTAGE_STATES = /^(08|57P0|53[34]|58)/;
const OUTAGE_MESSAGES =
  /Connection terminated|timeout exceeded|Query read timeout|Client has encountered|server closed/i;
const OUTAGE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return OUTAGE_STATES.test(code) || OUTAGE_SYSTEM.has(code) || OUTAGE_MESSAGES.test(error.message);
}

const FOREIGN_KEY_VIOLATION = '23503';
/** What PostgreSQL 18 and later say where the key is ON DELETE RESTRICT; until 17 it was the former as well. */
const RESTRICT_VIOLATION = '23001';
const DEADLOCK_DETECTED = '40P01';

const stateOf = (error: unknown) => (error as { code?: unknown } | null)?.code;

/** A row that the statement referred to went away, or is still referred to. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  stateOf(error) === FOREIGN_KEY_VIOLATION || stateOf(error) === RESTRICT_VIOLATION;

/** PostgreSQL chose this transaction as the victim of a deadlock: nothing of it happened, it may be run again. */
export const isDeadlock = (error: unknown): boolean => stateOf(error) === DEADLOCK_DETECTED;
