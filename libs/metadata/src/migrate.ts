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
  );
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** Applies what `prisma/migrations` has and the database has not; returns the names applied. Safe to run at once twice. */
export const deployMigrations = (url: string): Promise<string[]> =>
  withEngine(url, async (engine) => {
    const result = await engine.applyMigrations({ migrationsList: migrationsList(), filters: NO_FILTERS });
    return result.appliedMigrationNames;
  });

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

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  // A connection that breaks while nothing is asked is no event of its own: the next question says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
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
