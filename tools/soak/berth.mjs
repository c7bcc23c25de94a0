// The six services, on servers that are started and killed by themselves.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../distributed/free-port.mjs';
import { environment, nodeProgram, ROOT } from '../install.mjs';

const READY_MS = 300_000;

/** `replicas`: of services that run more than once. */
export async function startBerth({ folder, servers, settings, log, replicas = {} }) {
  const port = await freePort();
  const counts = Object.entries(replicas).flatMap(([service, count]) => ['--replicas', `${service}=${count}`]);
  const child = spawn(nodeProgram(), ['tools/distributed/main.mjs', ...counts], {
    cwd: ROOT,
    env: {
      ...environment(),
      BERTH_OPEN: 'true',
      BERTH_ADMIN_PASSWORD: randomBytes(16).toString('hex'),
      BERTH_LOG_LEVEL: 'warn',
      ...settings,
      ...servers.settings,
      BERTH_PORT: String(port),
      BERTH_DATA_DIR: folder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) log.read(stream);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await gone;
  };
  const url = `http://127.0.0.1:${port}`;
  const hasEnded = () => child.exitCode !== null;
  await untilReady(url, hasEnded).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url, stop, pidFile: join(folder, 'pids.json'), addressFile: join(folder, 'addresses.json') };
}

async function untilReady(url, hasEnded) {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline && !hasEnded(); await delay(250)) {
    const ready = await fetch(`${url}/v2/`).then(
      ({ status }) => status === 200 || status === 401,
      () => false,
    );
    if (ready) return;
  }
  throw new Error('Berth is not ready');
}
