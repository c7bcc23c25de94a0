import pg from 'pg';
import { Database, type DatabaseOptions } from '../database.js';
import { deployMigrations } from '../migrate.js';
import { eventually, startPostgres, type TestPostgres } from './test-kit.js';

const TEMPLATE = 'berth_template';

/** A PostgreSQL whose template database has the migrations: each test takes a copy of its own, which costs 80 ms. */
export class TestDatabases {
  private constructor(readonly postgres: TestPostgres) {}

  static async start(settings: Record<string, string | number> = {}): Promise<TestDatabases> {
    const postgres = await startPostgres({ settings: { deadlock_timeout: '100ms', ...settings } });
    try {
      await deployMigrations(await postgres.createDatabase(TEMPLATE));
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return new TestDatabases(postgres);
  }

  /** A database with the schema and nothing in it. */
  async fresh(): Promise<TestDatabase> {
    return new TestDatabase(await this.postgres.createDatabase(undefined, { template: TEMPLATE }));
  }

  stop(): Promise<void> {
    return this.postgres.stop();
  }
}

/** One test's database: `database` for the stores, `rows` to look behind them, `session` to stand in their way. */
export class TestDatabase {
  readonly database: Database;
  private readonly pool: pg.Pool;
  private readonly sessions: Session[] = [];
  private readonly databases: Database[];

  constructor(readonly url: string) {
    this.database = this.openDatabase();
    this.databases = [this.database];
    this.pool = new pg.Pool({ connectionString: url, max: 2 });
    this.pool.on('error', () => undefined);
  }

  /** As another process would have it: a pool of its own. */
  another(options: Partial<DatabaseOptions> = {}): Database {
    const database = this.openDatabase(options);
    this.databases.push(database);
    return database;
  }

  /** As `another`, whose transactions can be stopped between two statements. */
  pausing(): PausingDatabase {
    const database = new PausingDatabase(this.options());
    this.databases.push(database);
    return database;
  }

  /** Rows of any SQL, each as an object. */
  async rows<T extends object = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(sql, values)).rows;
  }

  /** The first column of the first row. */
  async value<T = unknown>(sql: string, values: unknown[] = []): Promise<T> {
    const [row] = await this.rows(sql, values);
    return Object.values(row ?? {})[0] as T;
  }

  /** A connection of its own, for locks that are held across statements. */
  async session(): Promise<Session> {
    const session = await Session.open(this.url);
    this.sessions.push(session);
    return session;
  }

  /** Resolves when `count` sessions wait for a lock that another one holds: the interleaving stands as it was meant. */
  async untilWaiting(count: number): Promise<void> {
    const waiting = `SELECT count(*)::int FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await eventually(async () => (await this.value(waiting)) === count, {
      what: `${count} sessions wait for a lock`,
      every: 5,
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.close()));
    await Promise.all(this.databases.map((database) => database.close()));
    await this.pool.end();
  }

  private openDatabase(options: Partial<DatabaseOptions> = {}): Database {
    return new Database({ ...this.options(), ...options });
  }

  private options(): DatabaseOptions {
    return { url: this.url, poolSize: 10, applicationName: 'metadata-test' };
  }
}

/** Stops a transaction where a race wants it, as a process that is suspended there would. */
export class PausingDatabase extends Database {
  private readonly pauses = new Map<string, () => Promise<void>>();

  /** The next transaction that comes to the statement of this name stops before it. */
  pauseBefore(name: string): { reached: Promise<void>; goOn: () => void } {
    let goOn = () => {};
    const opened = new Promise<void>((resolve) => (goOn = resolve));
    const reached = new Promise<void>((resolve) => {
      this.pauses.set(name, () => {
        this.pauses.delete(name);
        resolve();
        return opened;
      });
    });
    return { reached, goOn };
  }

  override transaction<T>(work: (rows: Database['rows']) => Promise<T>): Promise<T> {
    return super.transaction((rows) =>
      work(async (statement, values) => {
        await this.pauses.get(statement.name ?? '')?.();
        return rows(statement, values);
      }),
    );
  }
}

export class Session {
  private constructor(private readonly client: pg.Client) {}

  static async open(url: string): Promise<Session> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    return new Session(client);
  }

  async rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.client.query<Record<string, unknown>>(sql, values)).rows;
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
