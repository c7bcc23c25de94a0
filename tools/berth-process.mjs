// A Berth for the tools that measure or check one: in either mode, on free loopback ports, with a folder of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './distributed/free-port.mjs';
import { environment, nodeProgram, ROOT } from './install.mjs';

const START_MS = 60_000;

/**
 * Starts a registry and waits until its `/v2/` answers with one of `states`. `stop` resolves when it has ended. One that
 * does not come up is stopped, and what it said last is in the error.
 */
export async function startRegistry({ name, program, args, url, env = {}, states = [200] }) {
  let log = '';
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...environment(), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.on('data', (chunk) => (log = (log + chunk).slice(-4096)));
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  const answers = () =>
    fetch(`${url}/v2/`).then(
      (response) => states.includes(response.status),
      () => false,
    );
  for (const deadline = Date.now() + START_MS; !(await answers()); await delay(100)) {
    if (child.exitCode === null && child.signalCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`${name} did not start: ${log.trim()}`);
  }
  return { name, url, pid: child.pid, stop };
}

/**
 * Berth in a mode, open to all, or with a login where `password` is the administrator's; on a database of its own, or that of
 * `databaseUrl`. Needs a build.
 */
export async function startBerth({ mode, name = `berth (${mode})`, folder, password, databaseUrl }) {
  const [port, internalPort] = [await freePort(), await freePort()];
  return startRegistry({
    name,
    program: nodeProgram(),
    args: [mode === 'standalone' ? 'apps/standalone/dist/main.js' : 'tools/distributed/main.mjs'],
    url: `http://127.0.0.1:${port}`,
    env: {
      BERTH_PORT: String(port),
      BERTH_INTERNAL_PORT: String(internalPort),
      BERTH_DATA_DIR: join(folder, mode),
      ...(databaseUrl && { BERTH_DATABASE_URL: databaseUrl }),
      ...(password ? { BERTH_ADMIN_PASSWORD: password } : { BERTH_OPEN: 'true' }),
    },
    states: password ? [401] : [200],
  });
}
