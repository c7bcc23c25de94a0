// Holds docs/races.md against the tests: each race has a row, and each file that a row names has a test of that number.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCUMENT = 'docs/races.md';
const RACES = 30;

/** What is wrong, each with the line where it stands; nothing where all is well. */
export function troublesOfRaces() {
  const lines = readFileSync(join(ROOT, DOCUMENT), 'utf8').split('\n');
  const files = new Map();
  for (const line of lines) {
    const [, name, path] = /^\[([\w-]+)\]: \.\.\/(\S+)$/.exec(line) ?? [];
    if (name) files.set(name, path);
  }
  const seen = new Set();
  const troubles = lines.flatMap((line, at) => {
    const [, number] = /^\| R(\d+) +\|/.exec(line) ?? [];
    if (!number) return [];
    const isTwice = seen.has(Number(number));
    seen.add(Number(number));
    const found = [...(isTwice ? [`R${number} has two rows`] : []), ...troublesOfRow(number, line, files)];
    return found.map((what) => `${DOCUMENT}:${at + 1}  ${what}`);
  });
  for (let number = 1; number <= RACES; number++) {
    if (!seen.has(number)) troubles.push(`${DOCUMENT}  lacks the race R${number}`);
  }
  return troubles;
}

function troublesOfRow(number, line, files) {
  const tests = line.split('|').at(-2).trim();
  if (/^none: ./.test(tests)) return [];
  const names = [...tests.matchAll(/\[([\w-]+)\]/g)].map(([, name]) => name);
  if (names.length === 0) return [`R${number} names no test, and does not say "none:" and why`];
  return names.flatMap((name) => {
    const path = files.get(name);
    if (!path || !existsSync(join(ROOT, path))) return [`[${name}] leads to no file`];
    if (!path.endsWith('.spec.ts')) return [];
    const text = withoutComments(readFileSync(join(ROOT, path), 'utf8'));
    const [skips] = SKIPS.exec(text) ?? [];
    if (skips) return [`${path} leaves out tests by "${skips}"`];
    return hasTestOf(number, text) ? [] : [`${path} has no test whose title begins with "R${number}:"`];
  });
}

/** `requireOrSkip` says why it skips, and CI refuses it; these do not. */
const SKIPS = /\b(?:[fx](?:it|test|describe)|(?:it|test|describe)(?:\.\w+)*\.(?:skip|todo|failing|only))\b(?=[.(`])/;

/** Those that begin a line. */
const withoutComments = (text) => text.replace(/^\s*(?:\/\/.*$|\/\*[^]*?\*\/)/gm, '');

/** A title may begin with several numbers: "R8, R12: ...". */
const hasTestOf = (number, text) => new RegExp(`\\(\\s*['"\`](?:R\\d+, )*R${number}(?:, R\\d+)*: `).test(text);
