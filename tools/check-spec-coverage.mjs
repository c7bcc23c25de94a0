// Holds docs/spec-coverage.md against the tests: each rule names at least one, and each that is named exists.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCUMENT = 'docs/spec-coverage.md';
const COLUMNS = ['rule', 'endpoint', 'Berth', 'held by'];

/** What is wrong, each with the line where it stands; nothing where all is well. */
export function troublesOfSpecCoverage() {
  const lines = readFileSync(join(ROOT, DOCUMENT), 'utf8').split('\n');
  const files = new Map();
  for (const line of lines) {
    const [, name, path] = /^\[([\w-]+)\]: \.\.\/(\S+)$/.exec(line) ?? [];
    if (name) files.set(name, existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : null);
  }
  const used = new Set();
  const troubles = lines.flatMap((line, at) =>
    line.startsWith('| ') ? troublesOfRow(line, files, used).map((what) => `${DOCUMENT}:${at + 1}  ${what}`) : [],
  );
  if (used.size === 0) troubles.push(`${DOCUMENT}  names no test at all`);
  for (const name of files.keys()) if (!used.has(name)) troubles.push(`${DOCUMENT}  no rule is held by [${name}]`);
  return troubles;
}

function troublesOfRow(line, files, used) {
  const cells = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  if (cells.length !== COLUMNS.length) return [`a row has the columns ${COLUMNS.join(', ')}`];
  const tests = cells.at(-1);
  if (tests === COLUMNS.at(-1) || /^-+$/.test(tests)) return [];
  return tests.split('<br>').flatMap((test) => {
    const [, name, title] = /^\[([\w-]+)\] (.+)$/.exec(test.trim()) ?? [];
    if (!name) return [`"${cells[0]}" is held by no test: [file] title`];
    used.add(name);
    const text = files.get(name);
    if (!text) return [`[${name}] ${text === null ? 'leads to no file' : 'is not defined below the tables'}`];
    // Whole, in the quotes of the file, which may escape some of it.
    const isThere = [title, title.replaceAll("'", "\\'")].some((spelled) =>
      ["'", '"', '`'].some((quote) => text.includes(`${quote}${spelled}${quote}`)),
    );
    return isThere ? [] : [`${name} has no test "${title}"`];
  });
}
