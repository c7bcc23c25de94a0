// `npm start`: installs, builds, and runs the whole registry in one process. Node 20 builtins only up to the last line.
import { spawn } from 'node:child_process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled, environment, nodeProgram, ROOT } from './install.mjs';

/** Runs a built program in the foreground: it gets our signals, and we end as it ends. */
export function runInForeground(args, { cwd = ROOT, env = {} } = {}) {
  const child = spawn(nodeProgram(), args, { cwd, env: environment(env), stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

/** Prepares and runs; what goes wrong before the program runs is one sentence. */
export function prepareAndRun(args) {
  try {
    ensureInstalled();
    ensureBuilt();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  runInForeground(args);
}

if (process.argv[1] === new URL(import.meta.url).pathname) prepareAndRun(['apps/standalone/dist/main.js']);
