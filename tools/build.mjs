// Builds what a start needs; Nx skips what has not changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment, ROOT } from './install.mjs';

const MARK = join(ROOT, 'node_modules/.berth-built');
const SOURCES = ['apps', 'libs', 'prisma/schema', 'tsconfig.base.json', 'nx.json', 'package-lock.json'];
const SKIPPED = new Set(['dist', 'generated', 'node_modules']);

/**
 * Builds every project unless no source has changed since the last build here. Quietly, it says on standard error that it
 * builds, and shows what Nx prints only where that fails.
 */
export function ensureBuilt({ quiet = false } = {}) {
  if (existsSync(MARK) && readFileSync(MARK, 'utf8') === sourceState()) return;
  if (quiet) console.error('Berth is being built, which may take half a minute ...');
  else console.log('Building ...');
  const started = Date.now();
  const nx = join(ROOT, 'node_modules/nx/dist/bin/nx.js');
  const program = existsSync(nx) ? [process.execPath, nx] : ['npx', 'nx'];
  const [file, ...args] = [...program, 'run-many', '-t', 'build', '--outputStyle=static'];
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  const options = { cwd: ROOT, env: environment(), stdio, maxBuffer: Infinity };
  const { status, error, stdout, stderr } = spawnSync(file, args, options);
  if (quiet && status !== 0) for (const said of [stdout, stderr]) process.stderr.write(said ?? '');
  if (status !== 0)
    throw new Error(`the build did not succeed (${error?.message ?? `exit code ${status}`}); see above`);
  writeFileSync(MARK, sourceState());
  if (!quiet) console.log(`Built in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** Names, sizes and times of every source file. */
function sourceState() {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(path);
    if (!stat.isDirectory()) return void hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
    for (const name of readdirSync(path).sort()) if (!SKIPPED.has(name)) visit(join(path, name));
  };
  for (const source of SOURCES) visit(join(ROOT, source));
  // A dist that was deleted by hand is no longer built.
  const built = ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name, 'dist')),
  );
  return hash.update(built.filter((path) => existsSync(path)).join()).digest('hex');
}
