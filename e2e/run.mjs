// Runs the end-to-end suite in the modes that are named (both when none is), one after the other.
//   node e2e/run.mjs [standalone] [distributed] [arguments for Jest]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const jest = join(here, '../node_modules/jest/bin/jest.js');
const MODES = ['standalone', 'distributed'];

const args = process.argv.slice(2);
const named = MODES.filter((mode) => args.includes(mode));
const jestArguments = args.filter((argument) => !MODES.includes(argument));

let failed = false;
/** Standalone has no server of its own that could go away but its PostgreSQL, whose end is its own (apps/standalone). */
const LEFT_OUT = { standalone: ['--testPathIgnorePatterns', 'outages.spec.ts'], distributed: [] };

for (const mode of named.length ? named : MODES) {
  console.log(`End to end, ${mode}`);
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
      ...jestArguments,
    ],
    { stdio: 'inherit', env: { ...process.env, E2E_MODE: mode } },
  );
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
