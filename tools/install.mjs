// Shared by start.mjs and test.mjs. Runs on the system's Node (20 or newer) with builtins only: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const LOCK = join(ROOT, 'package-lock.json');
const MARK = join(ROOT, 'node_modules/.berth-lock-hash');
const LIBRARIES = join(ROOT, 'node_modules/.bin');

/** The lowest Node that what is installed runs on; where it comes with the dependencies, the system's may be older. */
const NEEDED = [24, 9];

/** Runs `npm ci` when node_modules is missing or was installed from another lock file. Says nothing otherwise. */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.log('Installing dependencies (npm ci), about a minute ...');
  const started = Date.now();
  const { status, error } = spawnSync('npm', ['ci'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ci did not succeed (${error?.message ?? `exit code ${status}`}); see above`);
  writeFileSync(MARK, lockHash());
  console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** The environment in which the installed programs run: node_modules/.bin is first, and with it Node 24. */
export function environment(extra = {}) {
  return { ...process.env, PATH: [LIBRARIES, process.env.PATH].join(delimiter), ...extra };
}

/** The Node to run the installed programs with: the one among the dependencies, else this one when it is new enough. */
export function nodeProgram() {
  const installed = join(LIBRARIES, 'node');
  if (existsSync(installed)) return installed;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return process.execPath;
  throw new Error(
    `Node ${NEEDED.join('.')} or newer is needed on ${process.platform}-${process.arch}; this is ${process.versions.node}`,
  );
}

function isInstalled() {
  if (existsSync(MARK)) return readFileSync(MARK, 'utf8') === lockHash();
  // Installed by hand: npm writes this file last, so one newer than the lock file is of that lock file.
  const hidden = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(hidden) || statSync(hidden).mtimeMs < statSync(LOCK).mtimeMs) return false;
  writeFileSync(MARK, lockHash());
  return true;
}

function lockHash() {
  return createHash('sha256').update(readFileSync(LOCK)).update(`${process.platform}-${process.arch}`).digest('hex');
}
