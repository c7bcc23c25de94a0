// The table of clients of one run, from the record that the drivers wrote (libs/testing/src/client-record.ts) and from
// what Jest says of the tests that they were run in. What did not run is not in it.
//   npx node e2e/client-matrix.mjs RECORD JEST_RESULTS      prints it
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file of JSON lines and Jest's `--json` output as the lines of a table; none when neither client nor lack is known. */
export function clientMatrix(recordFile, resultsFile) {
  const lines = existsSync(recordFile) ? readFileSync(recordFile, 'utf8').split('\n').filter(Boolean) : [];
  const record = lines.map((line) => JSON.parse(line));
  const results = outcomes(JSON.parse(readFileSync(resultsFile, 'utf8')));
  const uses = record.filter((line) => line.client);
  const rows = [...Map.groupBy(uses, ({ client, version }) => `${client} ${version}`).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, usesOfOne]) => row(usesOfOne, results));
  const missing = [...new Set(record.filter((line) => line.missing).map(missingLine))].sort();
  return [...table(['client', 'version', 'ran', 'tests', 'result'], rows), ...missing];
}

/** What became of each test, and the tests of each file. */
function outcomes({ testResults }) {
  const files = new Map();
  for (const { name, status, assertionResults } of testResults) {
    files.set(name, { broken: status === 'failed' && assertionResults.length === 0, tests: assertionResults });
  }
  return files;
}

/**
 * A client is answerable for the tests that it ran in, and for all of a file where it ran in hooks only: there its login
 * may have failed. A command that a test expects to fail is no result; the test is.
 */
function row(uses, files) {
  const { client, version } = uses[0];
  const ran = [...new Set(uses.filter(({ code }) => code === 0).map(({ command }) => command))].sort();
  let passed = 0;
  let failed = 0;
  for (const [spec, usesInFile] of Map.groupBy(uses, (use) => use.spec)) {
    const { broken = true, tests = [] } = files.get(spec) ?? {};
    const names = new Set(usesInFile.map(({ test }) => test).filter(Boolean));
    const own = tests.filter(({ fullName, status }) => (names.size ? names.has(fullName) : status === 'failed'));
    passed += own.filter(({ status }) => status === 'passed').length;
    failed += own.filter(({ status }) => status === 'failed').length + (broken ? 1 : 0);
  }
  const result = failed ? `${failed} FAILED` : passed ? 'ok' : 'no test';
  return [client, version, ran.join(', '), String(passed + failed), result];
}

const missingLine = ({ missing, reason }) => `not run: ${missing}: ${reason}`;

/** Columns by their widest entry; the long third one is broken into lines of its own width. */
function table(head, rows) {
  if (rows.length === 0) return [];
  const WIDEST = 64;
  const broken = rows.flatMap((cells) => {
    const [first = '', ...rest] = wrap(cells[2], WIDEST);
    return [cells.with(2, first), ...rest.map((text) => ['', '', text, '', ''])];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...broken.map((cells) => cells[column].length)));
  return [head, ...broken].map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks behind commas. */
function wrap(text, width) {
  const lines = [];
  for (const word of text.split(/(?<=,) /)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(clientMatrix(...process.argv.slice(2, 4)).join('\n'));
