import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type MigrationEngine, openMigrationEngine } from './migration-engine.js';

const PRISMA_FOLDER = fileURLToPath(new URL('../../../prisma', import.meta.url));
const NO_FILTERS = { externalTables: [], externalEnums: [] };

const schemaFiles = () =>
  readdirSync(join(PRISMA_FOLDER, 'schema'))
    .filter((name) => name.endsWith('.prisma'))
    .sort()
    .map((name) => join(PRISMA_FOLDER, 'schema', name))
    .map((path) => ({ path, content: readFileSync(path, 'utf8') }));

function migrationsList() {
  const baseDir = join(PRISMA_FOLDER, 'migrations');
  const lock = join(baseDir, 'migration_lock.toml');
  const names = readdirSync(baseDir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return {
    baseDir,
    shadowDbInitScript: '',
    lockfile: { path: 'migration_lock.toml', content: existsSync(lock) ? readFileSync(lock, 'utf8') : null },
    migrationDirectories: names
      .map((entry) => entry.name)
      .sort()
      .map((name) => ({ path: name, migrationFile: { path: 'migration.sql', content: script(baseDir, name) } })),
  };
}

const script = (baseDir: string, name: string) => ({
  tag: 'ok',
  value: readFileSync(join(baseDir, name, 'migration.sql'), 'utf8'),
});

async function withEngine<T>(url: string, use: (engine: MigrationEngine) => Promise<T>): Promise<T> {
  const engine = await openMigrationEngine(
    url,
    schemaFiles().map(({ path, content }) => [path, content]),
    withNote,
  );
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** In the row of a migration that was applied, from the same transaction on, and thus also where nobody came to finish the row. */
const APPLIED = 'applied';
const UNFINISHED = 'finished_at IS NULL AND rolled_back_at IS NULL';

/**
 * PostgreSQL runs a script of several statements in one transaction, and to its end also where who sent it has gone. A migration
 * notes in that transaction that it was applied; the lock on its row says that it is still under way.
 */
function withNote(script: string): string {
  const migration = migrationsList().migrationDirectories.find(
    ({ migrationFile }) => migrationFile.content.value === script,
  );
  if (!migration) return script;
  return `UPDATE _prisma_migrations SET logs = '${APPLIED}' WHERE migration_name = '${migration.path}' AND ${UNFINISHED};\n${script}`;
}

/** Applies what `prisma/migrations` has and the database has not; returns the names applied. Safe to run at once twice. */
export const deployMigrations = (url: string): Promise<string[]> =>
  withEngine(url, async (engine) => {
    try {
      const result = await engine.applyMigrations({ migrationsList: migrationsList(), filters: NO_FILTERS });
      return result.appliedMigrationNames;
    } catch (error) {
      const [unfinished] = await query(
        url,
        `SELECT migration_name AS name FROM _prisma_migrations WHERE ${UNFINISHED}`,
      ).catch(() => []);
      if (!unfinished) throw error;
      const name = unfinished['name'] as string;
      const reason = (error as Error).message.trim();
      throw new Error(
        `${reason}\n${name} was begun and not finished: run "migrate resolve ${name}", and deploy again`,
        {
          cause: error,
        },
      );
    }
  });

/** The lock that the engine holds while it applies. */
const ENGINE_LOCK = 72707369;
const RESOLVE_LOCK_MS = 10_000;

/**
 * Ends what a deploy that was killed, or failed, has left: a migration that was begun and not finished. It was applied as a
 * whole or not at all, and its row then says which. Returns that as a sentence; fails where there is none, or it is still under way.
 */
export function resolveMigration(url: string, name: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows: locked } = await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1) AS free', [
      ENGINE_LOCK,
    ]);
    if (!locked[0]!.free)
      throw new Error('a deploy is at work, or what it began is not at its end yet: try again later');
    await client.query(`SET lock_timeout = ${RESOLVE_LOCK_MS}`);
    const { rows } = await client.query<{ applied: boolean }>(
      `UPDATE _prisma_migrations
       SET finished_at = CASE WHEN logs = $2 THEN now() END, rolled_back_at = CASE WHEN logs = $2 THEN NULL ELSE now() END
       WHERE migration_name = $1 AND ${UNFINISHED}
       RETURNING finished_at IS NOT NULL AS applied`,
      [name, APPLIED],
    );
    if (rows.length === 0) throw new Error(`${name} is no migration that was begun and not finished`);
    return rows[0]!.applied
      ? `${name} had been applied, and is marked so`
      : `nothing of ${name} had been applied: the next deploy applies it`;
  });
}

/**
 * Resolves when every migration of `prisma/migrations` has been applied, by whomever; one of a newer version does not matter.
 * `say` gets a sentence on what is waited for, again when that changes. Waits as long as it takes.
 */
export async function waitForMigrations(url: string, say: (sentence: string) => void): Promise<void> {
  const wanted = migrationsList().migrationDirectories.map(({ path }) => path);
  await repeatUntil(say, async () => {
    const applied = await appliedMigrations(url);
    const missing = wanted.filter((name) => !applied.has(name));
    if (missing.length === 0) return undefined;
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    return `the database has no migration ${missing[0]}${more} yet: deploy them with the image or the sources of this version`;
  });
}

/** Resolves when the database answers; `say` as with `waitForMigrations`. */
export const waitForDatabase = (url: string, say: (sentence: string) => void): Promise<void> =>
  repeatUntil(say, async () => {
    await query(url, 'SELECT 1');
    return undefined;
  });

const WAIT_MS = 1_000;
const CONNECT_MS = 5_000;

/** `attempt` gives what is still missing, or fails with it. */
async function repeatUntil(say: (sentence: string) => void, attempt: () => Promise<string | undefined>): Promise<void> {
  for (let said: string | undefined; ;) {
    const missing = await attempt().catch((error: Error & { code?: string }) => {
      const reason = error.message || error.code;
      return `the database of BERTH_DATABASE_URL cannot be used: ${reason}`;
    });
    if (missing === undefined) return;
    if (missing !== said) say(`waiting: ${missing}`);
    said = missing;
    await delay(WAIT_MS);
  }
}

async function appliedMigrations(url: string): Promise<Set<string>> {
  const [table] = await query(url, `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS is_there`);
  if (!table?.['is_there']) return new Set();
  const sql = 'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL';
  return new Set((await query(url, sql)).map((row) => row['migration_name'] as string));
}

const query = (url: string, sql: string): Promise<Record<string, unknown>[]> =>
  withClient(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  // A connection that breaks while nothing is asked is no event of its own: the next question says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The SQL by which the schema differs from the migrations; null where they agree. */
export const schemaDrift = (url: string): Promise<string | null> =>
  withEngine(url, async (engine) => {
    const { exitCode, stdout } = await engine.diff({
      from: { tag: 'migrations', ...migrationsList() },
      to: { tag: 'schemaDatamodel', files: schemaFiles() },
      script: true,
      exitCode: true,
      filters: NO_FILTERS,
    });
    return exitCode === 0 ? null : stdout;
  });

/** Writes a migration for what the schema has and the migrations have not; null where they agree. */
export async function createMigration(url: string, name: string): Promise<string | null> {
  const drift = await schemaDrift(url);
  if (drift === null) return null;
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = join(PRISMA_FOLDER, 'migrations', `${timestamp}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'migration.sql'), drift);
  return folder;
}
