// What a service needs to run, found from its imports and the lock file: nothing else goes into its image.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../install.mjs';

const BUILTINS = new Set(builtinModules);
const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

/**
 * Follows the imports of a built program. `extra` are packages that it loads by a name which no import statement has.
 * Gives the compiled files of this workspace that it runs, and the packages, by their places in the lock file
 * (`node_modules/pg`).
 */
export function filesOf(entry, extra = []) {
  const { packages: lock } = read('package-lock.json');
  const visited = new Set();
  const packages = new Set();
  const queue = [entry];
  for (const name of extra) addPackage(lock, packages, placeOf(lock, dirname(entry), name), name);
  while (queue.length) {
    const file = queue.pop();
    if (visited.has(file)) continue;
    visited.add(file);
    const project = /^(?:apps|libs)\/[^/]+/.exec(file)[0];
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('node:') || BUILTINS.has(specifier)) continue;
      if (specifier.startsWith('.')) {
        queue.push(relative(ROOT, join(ROOT, dirname(file), specifier)));
        continue;
      }
      const name = packageOf(specifier);
      const place = placeOf(lock, project, name);
      if (!place) throw new Error(`${file} imports ${specifier}, which is not installed`);
      if (!lock[place].link) addPackage(lock, packages, place, name);
      else queue.push(join(lock[place].resolved, read(`${lock[place].resolved}/package.json`).exports['.'].default));
    }
  }
  return { files: [...visited].sort(), packages: [...packages].sort() };
}

const importsOf = (file) =>
  ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Adds a package and all that it depends on. A peer that is optional goes along only where an import names it. */
function addPackage(lock, packages, place, name) {
  if (!place) throw new Error(`${name} is not in package-lock.json`);
  if (packages.has(place)) return;
  packages.add(place);
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = lock[place];
  const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  for (const dependency of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
    if (dependency.startsWith('@types/')) continue;
    const found = placeOf(lock, place, dependency);
    if (found) addPackage(lock, packages, found, dependency);
    else if (!(dependency in optionalDependencies)) throw new Error(`${place} needs ${dependency}, which is not there`);
  }
}

/** Where Node.js finds a package from a folder: in node_modules of it, or of a folder above. */
function placeOf(lock, folder, name) {
  for (let from = folder; ; from = dirname(from)) {
    const place = join(from === '.' ? '' : from, 'node_modules', name);
    if (lock[place] && existsSync(join(ROOT, place))) return place;
    if (from === '.') return undefined;
  }
}
