// Runs the end-to-end suite in the modes that are named (both when none is), one after the other, and prints which clients
// ran what.
//   npx node e2e/run.mjs [standalone] [distributed] [arguments for Jest]
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { clientMatrix } from './client-matrix.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const jest = join(here, '../node_modules/jest/bin/jest.js');
const MODES = ['standalone', 'distributed'];

const args = process.argv.slice(2);
const named = MODES.filter((mode) => args.includes(mode));
const jestArguments = args.filter((argument) => !MODES.includes(argument));

let failed = false;
/**
 * Standalone has no server of its own that could go away but its PostgreSQL, whose end is its own (apps/standalone), no
 * replicas, no processes to race, and no images. A cluster is tools/e2e-kubernetes.mjs's to start.
 */
const NEEDS_CLUSTER = 'src/cluster.spec.ts';
const NEEDS_SERVICES = ['outages', 'failover', 'rolls', 'backup', 'images', 'chart', 'compose'].map(
  (name) => `${name}.spec.ts`,
);
const LEFT_OUT = {
  standalone: ['--testPathIgnorePatterns', 'src/races/', NEEDS_CLUSTER, ...NEEDS_SERVICES],
  distributed: ['--testPathIgnorePatterns', NEEDS_CLUSTER],
};

for (const mode of named.length ? named : MODES) {
  console.log(`End to end, ${mode}`);
  const folder = mkdtempSync(join(tmpdir(), 'berth-e2e-run-'));
  const [record, results] = [join(folder, 'clients.jsonl'), join(folder, 'results.json')];
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const { status } = spawnSync(
    process.execPath,
    [
      ...flags,
      jest,
      '-c',
      join(here, 'jest.config.mjs'),
      ...LEFT_OUT[mode], // takes every word up to the next option
      '--runInBand',
      '--verbose',
      '--json',
      `--outputFile=${results}`,
      ...jestArguments,
    ],
    { stdio: 'inherit', env: { ...process.env, E2E_MODE: mode, E2E_CLIENT_RECORD: record } },
  );
  failed ||= status !== 0;
  if (existsSync(results)) printMatrix(mode, clientMatrix(record, results));
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** Prints the table; E2E_CLIENT_MATRIX names a file that gets it too, for tools/test.mjs. */
function printMatrix(mode, lines) {
  if (lines.length === 0) return;
  const text = `Clients that ran against Berth, ${mode}:\n\n${lines.map((line) => `  ${line}\n`).join('')}`;
  console.log(`\n${text}`);
  if (process.env.E2E_CLIENT_MATRIX) appendFileSync(process.env.E2E_CLIENT_MATRIX, `${text}\n`);
}
