// Clients push, pull, mount, tag, delete and abandon shared layers in shared repositories, while two gc-workers collect without
// grace and everything is killed in turn. Each client knows what was acknowledged to it, and compares it byte for byte. At
// the end all of it is compared once more, then deleted, and nothing may be left of it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../distributed/free-port.mjs';
import { environment, nodeProgram, ROOT } from '../install.mjs';
import { Chaos } from './chaos.mjs';
import { SoakClient } from './client.mjs';
import { leftovers } from './leftovers.mjs';
import { RegistryCalls, Violation } from './registry-calls.mjs';
import { Report } from './report.mjs';
import { Servers } from './servers.mjs';

/** Longer than any outage, so that a client that found a blob has it still when the registry is back. */
const LEASE_SECONDS = 30;
const READ_GRANT_SECONDS = 5;
const SETTINGS = {
  BERTH_OPEN: 'true',
  BERTH_LOG_LEVEL: 'warn',
  BERTH_LEASE_SECONDS: String(LEASE_SECONDS),
  BERTH_GC_GRACE_SECONDS: '0',
  BERTH_READ_GRANT_SECONDS: String(READ_GRANT_SECONDS),
};
const REPLICAS = { 'registry-v2': 2, 'gc-worker': 2, storage: 2 };
const CLIENTS = 6;
const LAYERS = 40;
const REPOSITORIES = ['soak/a', 'soak/b', 'soak/c/d', 'other/a'];
const QUIET_MS = 240_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string', default: String(Date.now()) } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error('usage: npm run soak -- [--minutes 2] [--seed TEXT]');
  process.exit(1);
}

/** Numbers from 0 to 1 that come of the seed; their order among clients does not, so a run is not repeated exactly. */
function randomOf(seed) {
  let counter = 0;
  return () => createHash('sha256').update(`${seed} ${counter++}`).digest().readUInt32BE() / 2 ** 32;
}

const layersOf = (seed) =>
  Array.from({ length: LAYERS }, (_, n) => {
    const block = createHash('sha512').update(`${seed} layer ${n}`).digest();
    return Buffer.alloc(1_000 + n * n * 150, block);
  });

async function startBerth(folder, servers) {
  const [port, log] = [await freePort(), []];
  const replicas = Object.entries(REPLICAS).flatMap(([service, count]) => ['--replicas', `${service}=${count}`]);
  const child = spawn(nodeProgram(), ['tools/distributed/main.mjs', ...replicas], {
    cwd: ROOT,
    env: { ...environment(), ...SETTINGS, ...servers.settings, BERTH_PORT: String(port), BERTH_DATA_DIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text) > 2_000 && log.shift());
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await gone;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    pidFile: join(folder, 'pids.json'),
    log,
    stop,
    hasEnded: () => child.exitCode !== null,
  };
}

async function untilReady(berth) {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await delay(250)) {
    if (berth.hasEnded()) break;
    const ready = await fetch(`${berth.url}/v2/`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (ready) return;
  }
  throw new Error(`Berth is not ready:\n${berth.log.join('').slice(-4_000)}`);
}

/** A client that met a violation stops: what it knows is no longer sure. */
async function work(client, report, until) {
  while (Date.now() < until) {
    try {
      report.step(await client.step());
    } catch (error) {
      report.violation(client.name, error);
      if (!(error instanceof Violation)) console.log(error.stack);
      return;
    }
  }
}

async function untilNothingIsLeft(servers) {
  for (const deadline = Date.now() + QUIET_MS; ; await delay(2_000)) {
    const { objectsWithoutRow, ...left } = await leftovers(servers.databaseUrl, servers.settings);
    const isQuiet = Object.values(left).every((count) => count === 0);
    if (isQuiet || Date.now() > deadline) return { ...left, objectsWithoutRow: objectsWithoutRow.length };
  }
}

async function soak(folder, report) {
  const servers = await Servers.start(folder);
  const berth = await startBerth(folder, servers);
  const calls = new RegistryCalls(berth.url, report.request);
  const random = randomOf(values.seed);
  try {
    await untilReady(berth);
    console.log(`seed ${values.seed}: ${CLIENTS} clients for ${minutes} minutes`);
    const layers = layersOf(values.seed);
    const clients = Array.from(
      { length: CLIENTS },
      (_, n) =>
        new SoakClient({
          name: `client-${n}`,
          calls,
          repositories: REPOSITORIES,
          layers,
          random: randomOf(`${values.seed} ${n}`),
        }),
    );
    const chaos = new Chaos({ pidFile: berth.pidFile, servers, random });
    const killing = chaos.run();
    const until = Date.now() + minutes * 60_000;
    await Promise.all(clients.map((client) => work(client, report, until)));
    chaos.stop();
    await killing;
    await untilReady(berth);
    report.print(chaos.kills);
    await finish(clients, servers, report);
  } catch (error) {
    report.violation('soak', error);
    console.log(berth.log.join('').slice(-4_000));
  } finally {
    await calls.close();
    await berth.stop();
    await servers.stop();
  }
}

async function finish(clients, servers, report) {
  const compared = { tags: 0, bytes: 0 };
  for (const client of clients) {
    const { tags, bytes } = await client.verifyAll().catch((error) => {
      report.violation(client.name, error);
      return { tags: 0, bytes: 0 };
    });
    compared.tags += tags;
    compared.bytes += bytes;
  }
  console.log(`\ncompared at the end: ${compared.tags} tags, ${compared.bytes} bytes`);
  for (const client of clients) await client.deleteAll();
  const { objectsWithoutRow, ...left } = await untilNothingIsLeft(servers);
  for (const [what, count] of Object.entries(left)) {
    console.log(`${what}: ${count}`);
    if (count > 0) report.violation('leftovers', new Error(`${what}: ${count}`));
  }
  console.log(`objects without a row, of what was killed while it uploaded, for the reconciler: ${objectsWithoutRow}`);
}

const report = new Report();
const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-soak-'));
chmodSync(folder, 0o755); // the embedded PostgreSQL below it runs as another user
try {
  await soak(folder, report);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const clean = report.violations.length === 0;
console.log(clean ? '\nsoak: clean' : `\nsoak: FAILED, ${report.violations.length} violations`);
process.exitCode = clean ? 0 : 1;
