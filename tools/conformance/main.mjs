// Runs the official conformance suite, once for each version, mode and way in, and prints one table. A failure, and a skip
// that is not explained below, fail the command. Each report stays in a folder of its own.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { startBerth } from '../berth-process.mjs';
import { ROOT } from '../install.mjs';
import { runSuite } from './suite.mjs';

const CHOICES = { mode: ['standalone', 'distributed'], version: ['1.1', 'dev'], login: ['no', 'yes'] };

/** Skips that are right, as a test's name ends, with why. */
const EXPLAINED = [];

function chosen(args) {
  const wanted = structuredClone(CHOICES);
  for (let at = 0; at < args.length; at += 2) {
    const [name, value] = [args[at].slice(2), args[at + 1]];
    if (!args[at].startsWith('--') || !CHOICES[name]?.includes(value)) {
      const usage = Object.entries(CHOICES).map(([key, values]) => `[--${key} ${values.join('|')}]`);
      throw new Error(`usage: npm run conformance -- ${usage.join(' ')}`);
    }
    wanted[name] = [value];
  }
  return wanted;
}

/** Both versions in the open; with a login the newer one, which has all that the older has, unless that is asked for. */
function runsOf({ mode: modes, version: versions, login: logins }) {
  return modes.flatMap((mode) =>
    logins.flatMap((login) =>
      versions
        .filter((version) => login === 'no' || version === 'dev' || versions.length === 1)
        .map((version) => ({ mode, version, login: login === 'yes' })),
    ),
  );
}

const nameOf = ({ mode, version, login }) => `${version}-${mode}${login ? '-login' : ''}`;

async function run(one) {
  const { mode, version, login } = one;
  const name = nameOf(one);
  const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-conformance-'));
  const report = join(resolve(process.env.OCI_RESULTS_DIR || join(ROOT, 'conformance-results')), name);
  rmSync(report, { recursive: true, force: true });
  mkdirSync(report, { recursive: true });
  const password = login ? randomBytes(12).toString('base64url') : undefined;
  console.log(`\n${name}: running`);
  try {
    running = await startBerth({ mode, folder, password });
    if (stopping) throw new Error('it was stopped');
    const { url } = running;
    const result = await runSuite({ program: process.env.OCI_CONFORMANCE_BIN, url, version, report, password });
    return { name, report, ...result };
  } finally {
    await running?.stop();
    running = undefined;
    rmSync(folder, { recursive: true, force: true });
  }
}

function print({ name, report, failed, skipped }) {
  console.log(`${name}: report in ${relative(process.cwd(), report)}`);
  for (const test of failed) console.log(`  failed   ${test.name}\n           ${test.reason}`);
  for (const test of skipped) {
    console.log(
      `  ${test.disabled ? 'disabled' : 'skipped '} ${test.name}\n           ${explained(test) ?? test.reason}`,
    );
  }
}

const explained = ({ name }) => EXPLAINED.find(([ending]) => name.endsWith(ending))?.[1];
const isGood = ({ counts, skipped }) => counts.passed > 0 && counts.failed === 0 && skipped.every(explained);

let running;
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => ((stopping = true), void running?.stop()));

try {
  const results = [];
  let unfinished = 0;
  for (const one of runsOf(chosen(process.argv.slice(2)))) {
    if (stopping) break;
    try {
      const result = await run(one);
      print(result);
      results.push(result);
    } catch (error) {
      console.error(`${nameOf(one)} did not run to its end: ${error.message}`);
      unfinished++;
    }
  }
  console.log(`\n${'run'.padEnd(26)}  passed  failed skipped disabled`);
  for (const { name, counts } of results) {
    const columns = [counts.passed, counts.failed, counts.skipped, counts.disabled];
    console.log(`${name.padEnd(26)} ${columns.map((count) => String(count).padStart(7)).join(' ')}`);
  }
  // Not left to the end of all timers: that of a suite that could not be started runs on.
  process.exit(!stopping && unfinished === 0 && results.every(isGood) ? 0 : 1);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
