// NATS and MinIO for a laptop: started where their programs are found, stopped by pid.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.mjs';

const START_MS = 20_000;

/** On PATH, or where `node tools/clients.mjs` puts what it builds. */
export function findProgram(program) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'berth/bin');
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), cache, '/usr/sbin']) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Looks on.
    }
  }
  return null;
}

/** A group of its own: a Ctrl-C in the terminal reaches the services first, and these when the services are done. */
async function startServer(name, program, args, ready, env = {}) {
  let log = '';
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log = (log + chunk).slice(-4096)));
  for (const deadline = Date.now() + START_MS; !(await ready()); await delay(50)) {
    if (child.exitCode !== null) throw new Error(`${name} ended with status ${child.exitCode}: ${log.trim()}`);
    if (Date.now() > deadline) throw new Error(`${name} was not ready after ${START_MS / 1000} s: ${log.trim()}`);
  }
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  return { pid: child.pid, stop };
}

const answers = (url) =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );

/** NATS with JetStream, and messages large enough for manifests. `ports`: its own, and that of its monitor. */
export async function startNats(folder, ports) {
  const program = findProgram('nats-server');
  if (!program) {
    throw new Error(
      'nats-server is not on PATH: install it (Debian: apt install nats-server; or node tools/clients.mjs), or set BERTH_NATS_URL',
    );
  }
  mkdirSync(folder, { recursive: true });
  const [port, monitor] = ports ?? [await freePort(), await freePort()];
  const config = join(folder, 'nats.conf');
  writeFileSync(
    config,
    `listen: "127.0.0.1:${port}"\nhttp: "127.0.0.1:${monitor}"\nmax_payload: 8MB\njetstream { store_dir: ${JSON.stringify(join(folder, 'jetstream'))} }\n`,
  );
  const server = await startServer('nats-server', program, ['-c', config], () =>
    answers(`http://127.0.0.1:${monitor}/healthz`),
  );
  return { ...server, url: `nats://127.0.0.1:${port}` };
}

/** Null where there is no minio program. `ports`: its own, and that of its console. */
export async function startMinio(folder, secretKey, ports) {
  const program = findProgram('minio');
  if (!program) return null;
  mkdirSync(folder, { recursive: true });
  const [port, console_] = ports ?? [await freePort(), await freePort()];
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    'server',
    '--quiet',
    '--address',
    `127.0.0.1:${port}`,
    '--console-address',
    `127.0.0.1:${console_}`,
    folder,
  ];
  const env = { MINIO_ROOT_USER: 'berth', MINIO_ROOT_PASSWORD: secretKey };
  const server = await startServer('minio', program, args, () => answers(`${endpoint}/minio/health/live`), env);
  return {
    ...server,
    settings: { BERTH_S3_ENDPOINT: endpoint, BERTH_S3_ACCESS_KEY: 'berth', BERTH_S3_SECRET_KEY: secretKey },
  };
}
