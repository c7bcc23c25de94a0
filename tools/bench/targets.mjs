// What is measured: Berth in both modes, and the peers whose programs are there. All on free loopback ports, without
// authentication, each with its defaults and a folder of its own on the same disk.
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { startBerth, startRegistry } from '../berth-process.mjs';
import { freePort } from '../distributed/free-port.mjs';

async function startMode(mode, folder) {
  const name = mode === 'standalone' ? 'berth' : 'berth-six';
  return { ...(await startBerth({ mode, name, folder })), berth: true };
}

async function startPeer(name, program, args, url, env = {}) {
  return { ...(await startRegistry({ name, program, args, url, env })), berth: false };
}

async function startDistribution(program, folder) {
  const port = await freePort();
  const config = join(folder, 'distribution.yml');
  const storage = `storage:\n  filesystem: { rootdirectory: ${JSON.stringify(join(folder, 'distribution'))} }\n  delete: { enabled: true }\n`;
  writeFileSync(
    config,
    `version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\n${storage}http: { addr: "127.0.0.1:${port}" }\n`,
  );
  return startPeer('distribution', program, ['serve', config], `http://127.0.0.1:${port}`, {
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
  return startPeer('zot', program, ['serve', config], `http://127.0.0.1:${port}`);
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
  for (const mode of modes) targets.push(await startMode(mode, folder));
  if (!peers) return targets;
  const distribution = process.env.DISTRIBUTION_BIN || onPath('docker-registry');
  if (distribution) targets.push(await startDistribution(distribution, folder));
  else console.log('no distribution: set DISTRIBUTION_BIN, or apt install docker-registry');
  if (process.env.ZOT_BIN) targets.push(await startZot(process.env.ZOT_BIN, folder));
  else console.log('no zot: set ZOT_BIN');
  return targets;
}
