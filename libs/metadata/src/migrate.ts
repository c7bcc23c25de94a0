import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
