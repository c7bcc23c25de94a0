// What is measured: Berth in both modes, and the peers whose programs are there. All on free loopback ports, without
// authentication, each with its defaults and a folder of its own on the same disk.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../distributed/free-port.mjs';
import { environment, nodeProgram, ROOT } from '../install.mjs';

const START_MS = 60_000;

async function start(name, berth, program, args, url, env) {
  let log = '';
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...environment(), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.on('data', (chunk) => (log = (log + chunk).slice(-4096)));
  const answers = () =>
    fetch(`${url}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
  for (const deadline = Date.now() + START_MS; !(await answers()); await delay(100)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${name} did not start: ${log.trim()}`);
  }
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  return { name, berth, url, pid: child.pid, stop };
}

async function startBerth(mode, folder) {
  const port = await freePort();
  const internal = await freePort();
  const script = mode === 'standalone' ? 'apps/standalone/dist/main.js' : 'tools/distributed/main.mjs';
  const env = {
    BERTH_PORT: String(port),
    BERTH_INTERNAL_PORT: String(internal),
    BERTH_DATA_DIR: join(folder, mode),
    BERTH_OPEN: 'true',
  };
  return start(
    mode === 'standalone' ? 'berth' : 'berth-six',
    true,
    nodeProgram(),
    [script],
    `http://127.0.0.1:${port}`,
    env,
  );
}

async function startDistribution(program, folder) {
  const port = await freePort();
  const config = join(folder, 'distribution.yml');
  const storage = `storage:\n  filesystem: { rootdirectory: ${JSON.stringify(join(folder, 'distribution'))} }\n  delete: { enabled: true }\n`;
  writeFileSync(
    config,
    `version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\n${storage}http: { addr: "127.0.0.1:${port}" }\n`,
  );
  return start('distribution', false, program, ['serve', config], `http://127.0.0.1:${port}`, {
    OTEL_TRACES_EXPORTER: 'none',
  });
}

async function startZot(program, folder) {
  const port = await freePort();
  const config = join(folder, 'zot.json');
  writeFileSync(
    config,
    JSON.stringify({
      storage: { rootDirectory: join(folder, 'zot') },
      http: { address: '127.0.0.1', port: String(port) },
      log: { level: 'error', output: '/dev/null' },
    }),
  );
  return start('zot', false, program, ['serve', config], `http://127.0.0.1:${port}`, {});
}

function onPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Berth in the modes asked for, then the peers; a peer that is not there is named with the way to get it in. */
export async function startTargets(folder, modes, { peers = true } = {}) {
  mkdirSync(folder, { recursive: true });
  const targets = [];
  for (const mode of modes) targets.push(await startBerth(mode, folder));
  if (!peers) return targets;
  const distribution = process.env.DISTRIBUTION_BIN || onPath('docker-registry');
  if (distribution) targets.push(await startDistribution(distribution, folder));
  else console.log('no distribution: set DISTRIBUTION_BIN, or apt install docker-registry');
  if (process.env.ZOT_BIN) targets.push(await startZot(process.env.ZOT_BIN, folder));
  else console.log('no zot: set ZOT_BIN');
  return targets;
}
