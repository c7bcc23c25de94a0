// npm test: every check and test, each as a step with its time; all steps run, and the run fails at the end if one did.
//   npm test -- --only unit,int      runs these steps only
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ensureInstalled, environment, nodeProgram, ROOT } from './install.mjs';

// By default Nx hides what successful tasks print, and with it what Jest counted. Long steps are shown as they run.
const SHOW = '--output-style=static';
const STREAM = '--output-style=stream';

// No step takes half of this on an idle machine; one that does has hung, and CI has 90 minutes for all of them.
const LIMIT_MINUTES = 50;

/** The end-to-end steps write here which clients ran what. */
const folder = mkdtempSync(join(tmpdir(), 'berth-test-'));
const clientMatrix = join(folder, 'clients.txt');

let running;
let interrupted = false;

const STEPS = [
  { name: 'lint', command: ['nx', 'run-many', '-t', 'lint', SHOW] },
  { name: 'typecheck', command: ['nx', 'run-many', '-t', 'typecheck', SHOW] },
  { name: 'build', command: ['nx', 'run-many', '-t', 'build', SHOW] },
  { name: 'docs', command: ['node', 'tools/check-docs.mjs'] },
  { name: 'unit', command: ['nx', 'run-many', '-t', 'test', SHOW] },
  { name: 'int', command: ['nx', 'run-many', '-t', 'int', '--parallel=1', STREAM] },
  { name: 'e2e-standalone', command: ['nx', 'run', '@berth/e2e:e2e', '--configuration=standalone', STREAM] },
  { name: 'e2e-distributed', command: ['nx', 'run', '@berth/e2e:e2e', '--configuration=distributed', STREAM] },
  { name: 'soak', command: ['node', 'tools/soak/main.mjs', '--minutes', '2', '--may-be-missing'] },
];

/** Steps by name; `e2e` means both modes. */
function selectedSteps(args) {
  const at = args.indexOf('--only');
  if (at < 0) return STEPS;
  const wanted = (args[at + 1] ?? '')
    .split(',')
    .flatMap((name) => (name === 'e2e' ? ['e2e-standalone', 'e2e-distributed'] : [name]));
  const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length) {
    throw new Error(
      `no step is called "${unknown.join(', ')}"; there are ${STEPS.map((step) => step.name).join(', ')} (and e2e)`,
    );
  }
  return STEPS.filter((step) => wanted.includes(step.name));
}

/** Runs a step with its output shown as it comes, and reads from it what Jest counted and what was missing. */
function runStep({ name, command }) {
  console.log(`\n=== ${name}: ${command.join(' ')}`);
  const started = Date.now();
  return new Promise((resolve) => {
    const [program, ...args] = command;
    const env = environment({
      NX_TUI: 'false',
      E2E_CLIENT_MATRIX: clientMatrix,
      ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
    });
    // A process group of its own, so that all of a step can be ended at once: by Ctrl-C, or when it hangs.
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    running = child;
    let output = '';
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      console.log(`\n${name} has not ended after ${LIMIT_MINUTES} minutes: it is ended now`);
      endGroup(child);
    }, LIMIT_MINUTES * 60_000);
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8');
      from.on('data', (text) => {
        output += text;
        to.write(text);
      });
    }
    const finish = (ok, note = '') => {
      clearTimeout(limit);
      running = undefined;
      const counted = countTests(output);
      // A step that failed without a failed test (a lint error, a suite that does not compile) counts as one failure.
      if (!ok && counted.failed === 0) counted.failed = 1;
      resolve({ name, ok, note, seconds: (Date.now() - started) / 1000, ...counted, missing: missingIn(output) });
    };
    child.once('error', (error) => finish(false, error.message));
    child.once('close', (code, signal) =>
      finish(code === 0 && !hung, hung ? `hung for ${LIMIT_MINUTES} minutes` : signal ? `ended by ${signal}` : ''),
    );
  });
}

function endGroup(child) {
  signalGroup(child, 'SIGTERM');
  setTimeout(() => signalGroup(child, 'SIGKILL'), 15_000).unref();
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // it has ended
  }
}

/** Sums the closing lines of Jest: "Tests:       1 failed, 2 skipped, 3 passed, 6 total". */
function countTests(output) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [, line] of plain(output).matchAll(/(?:^|\s)Tests:\s+((?:\d+ \w+, )*\d+ total)/gm)) {
    for (const [, count, kind] of line.matchAll(/(\d+) (\w+)/g)) {
      if (kind === 'todo') sum.skipped += Number(count);
      else if (kind in sum) sum[kind] += Number(count);
    }
  }
  return sum;
}

/** The lines of libs/testing/src/missing.ts. */
function missingIn(output) {
  return [...plain(output).matchAll(/MISSING (.+)$/gm)].map(([, line]) => line.trim());
}

function plain(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '');
}

function printSummary(results, seconds) {
  console.log('\nstep               result       time   passed  failed  skipped');
  for (const { name, ok, note, seconds, passed, failed, skipped } of results) {
    const columns = [passed, failed, skipped].map((count) => String(count).padStart(7));
    console.log(
      `${name.padEnd(18)} ${(ok ? 'ok' : 'FAILED').padEnd(8)} ${seconds.toFixed(1).padStart(6)} s ${columns.join(' ')} ${note}`,
    );
  }
  console.log(`all in ${seconds.toFixed(0)} s`);
  if (existsSync(clientMatrix)) console.log(`\n${readFileSync(clientMatrix, 'utf8').trimEnd()}`);
  const missing = [...new Set(results.flatMap((result) => result.missing))].sort();
  if (missing.length) console.log(`\nNot run on this machine:\n${missing.map((line) => `  ${line}`).join('\n')}`);
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
}

async function main() {
  const started = Date.now();
  const steps = selectedSteps(process.argv.slice(2));
  ensureInstalled();
  nodeProgram();
  const results = [];
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      interrupted = true;
      if (running) endGroup(running);
    });
  }
  for (const step of steps) {
    if (!interrupted) results.push(await runStep(step));
  }
  printSummary(results, (Date.now() - started) / 1000);
  process.exitCode = !interrupted && results.every(({ ok }) => ok) ? 0 : 1;
}

main()
  .catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  })
  .finally(() => rmSync(folder, { recursive: true, force: true }));
