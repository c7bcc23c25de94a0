// Clients push, pull, mount, tag, delete and abandon shared layers in shared repositories, while two gc-workers collect with
// little grace, rows and objects are compared without end, and everything is killed in turn. Each client knows what was
// acknowledged to it, and compares it byte for byte. At the end what must be gone is gone, all else is compared once more,
// then deleted, and nothing may be left of it.
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findProgram } from '../distributed/infrastructure.mjs';
import { startBerth } from './berth.mjs';
import { Chaos, COLLECTOR } from './chaos.mjs';
import { SoakClient } from './client.mjs';
import { CollectionCounters, ServiceLog } from './collection.mjs';
import { Leftovers } from './leftovers.mjs';
import { Outages } from './outages.mjs';
import { RegistryCalls, Violation } from './registry-calls.mjs';
import { inWords, Report } from './report.mjs';
import { Servers } from './servers.mjs';
import { SETTINGS } from './timing.mjs';

const REPLICAS = { 'registry-v2': 2, 'gc-worker': 2, storage: 2 };
const CLIENTS = 6;
/** The last ones are so large that the object store gets them in parts. */
const LAYERS = [...Array.from({ length: 40 }, (_, n) => 1_000 + n * n * 150), 6_000_000];
const REPOSITORIES = new Map([
  ['soak/kept', 'kept'],
  ['soak/deep/kept', 'kept'],
  ['soak/collected', 'collected'],
  ['collected/all', 'collected'],
  ['soak/shared', 'shared'],
]);
/** Of a repository, and of an organisation. */
const POLICIES = {
  'soak/kept': { keep: true },
  'soak/collected': { after_seconds: 2 },
  collected: { after_seconds: 0 },
};
const PROGRESS_MS = 300_000;
/** An object whose deletion has failed a few times waits for minutes. */
const STALLED_MS = 600_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now()) },
    without: { type: 'string' },
    'may-be-missing': { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || ![undefined, 'protection'].includes(values.without)) {
  console.error('usage: npm run soak -- [--minutes 2] [--seed TEXT] [--without protection] [--may-be-missing]');
  process.exit(1);
}

/** Numbers from 0 to 1 that come of the seed; their order among clients does not, so a run is not repeated exactly. */
function randomOf(seed) {
  let counter = 0;
  return () => createHash('sha256').update(`${seed} ${counter++}`).digest().readUInt32BE() / 2 ** 32;
}

/** No part of one is like another, so that parts in the wrong order are other bytes. */
const layersOf = (seed) =>
  LAYERS.map((size, n) => createHash('shake256', { outputLength: size }).update(`${seed} layer ${n}`).digest());

/** A client that met a violation stops: what it knows is no longer sure. */
async function work(client, report, over) {
  while (!over.aborted) {
    try {
      report.step(await client.step());
    } catch (error) {
      if (interrupted.signal.aborted) return;
      report.violation(client.name, error);
      if (!(error instanceof Violation)) console.log(error.stack);
      return;
    }
  }
}

/** As long as something still happens. Gives the last answer. */
async function untilNothing(look, isNothing) {
  for (let [last, changedAt] = ['', Date.now()]; ;) {
    interrupted.signal.throwIfAborted();
    const found = await look();
    if (isNothing(found) || Date.now() - changedAt > STALLED_MS) return found;
    if (JSON.stringify(found) !== last) [last, changedAt] = [JSON.stringify(found), Date.now()];
    await delay(2_000);
  }
}

async function soak(folder, report) {
  const { signal } = interrupted;
  const log = new ServiceLog();
  const settings = { ...SETTINGS, ...(values.without && { BERTH_LEASE_SECONDS: 0, BERTH_GC_GRACE_SECONDS: 0 }) };
  const servers = new Servers();
  let [berth, calls, counters, telling, timer] = [];
  try {
    await servers.start(folder);
    berth = await startBerth({ folder, servers, settings, log, replicas: REPLICAS });
    const outages = new Outages(berth.addressFile, (service) => service !== COLLECTOR, signal);
    const absences = new Outages(berth.addressFile, (service) => service === COLLECTOR, signal);
    const vanishing = new Set([...REPOSITORIES].filter(([, kind]) => kind === 'shared').map(([name]) => name));
    const tell = (requestId) => log.tell(requestId);
    calls = new RegistryCalls({ url: berth.url, report, wasDown: outages.wasDown, tell, vanishing, signal });
    counters = new CollectionCounters(berth.addressFile);
    console.log(`seed ${values.seed}: ${CLIENTS} clients for ${minutes} minutes`);
    const layers = layersOf(values.seed);
    const clients = Array.from({ length: CLIENTS }, (_, n) => {
      const name = `client-${n}`;
      const random = randomOf(`${values.seed} ${n}`);
      return new SoakClient({ name, calls, repositories: REPOSITORIES, own: `own/${name}`, layers, random, report });
    });
    for (const client of clients) await client.begin();
    for (const [owner, policy] of Object.entries(POLICIES)) await calls.setUntaggedPolicy(owner, policy);
    const chaos = new Chaos({ pidFile: berth.pidFile, servers, random: randomOf(values.seed), outages, absences });
    // Not AbortSignal.timeout: nothing would hold that one, and it would never come once it is collected.
    const timeIsOver = new AbortController();
    timer = setTimeout(() => timeIsOver.abort(), minutes * 60_000);
    const over = AbortSignal.any([timeIsOver.signal, signal]);
    telling = setInterval(() => console.log(report.progress()), PROGRESS_MS);
    // What cannot be started again ends the work: all would only wait for it.
    const killing = chaos.run(over).catch((error) => interrupted.abort(error));
    await Promise.all([killing, ...clients.map((client) => work(client, report, over))]);
    signal.throwIfAborted();
    await Promise.all([outages.untilOver(), absences.untilOver()]);
    report.print();
    console.log(`killed: ${inWords(chaos.kills)}`);
    await finish(clients, new Leftovers(servers), report);
    console.log('\ncounted by the collection, at least:');
    for (const [name, count] of Object.entries(await counters.stop()).sort()) console.log(`  ${name} ${count}`);
  } catch (error) {
    report.violation('soak', error);
    console.log(`${error.stack}\n${log.last()}`);
  } finally {
    clearInterval(telling);
    clearTimeout(timer);
    const ends = [() => counters?.stop(), () => calls?.close(), () => berth?.stop(), () => servers.stop()];
    for (const end of ends) await orViolation(report, 'cleanup', end);
    judge(log, report);
  }
}

async function orViolation(report, where, act) {
  try {
    await act();
  } catch (error) {
    report.violation(where, error);
  }
}

async function finish(clients, leftovers, report) {
  const doomed = clients.flatMap(({ holdings }) => holdings.doomed());
  const left = await untilNothing(
    () => leftovers.stillThere(doomed),
    (count) => count === 0,
  );
  console.log(`untagged manifests that had to go in the end: ${doomed.length}, still there: ${left}`);
  if (left > 0) report.violation('policy', new Error(`${left} untagged manifests were not collected`));
  const verified = await Promise.all(clients.map((client) => verify(client, report)));
  const sum = (name) => verified.reduce((total, counts) => total + (counts[name] ?? 0), 0);
  console.log(
    `compared at the end: ${sum('tags')} tags, ${sum('untagged')} manifests that are kept without one, ` +
      `${sum('referrers')} referrers, ${sum('bytes')} bytes`,
  );
  await expectNothing('damaged before all was deleted', () => leftovers.damage(), report);
  await Promise.all(clients.map((client) => orViolation(report, client.name, () => client.deleteAll())));
  await expectNothing('left when all was deleted', () => leftovers.counts(), report);
}

async function expectNothing(title, look, report) {
  const counts = await untilNothing(look, (found) => Object.values(found).every((count) => count === 0));
  console.log(`${title}:`);
  for (const [what, count] of Object.entries(counts)) {
    console.log(`  ${what}: ${count}`);
    if (count > 0) report.violation(title, new Error(`${what}: ${count}`));
  }
}

async function verify(client, report) {
  try {
    await client.verifyLeftovers();
    return await client.verifyAll();
  } catch (error) {
    report.violation(client.name, error);
    return {};
  }
}

function judge({ counts, ends, collectionErrors }, report) {
  console.log('\nlogs:');
  for (const [name, count] of Object.entries(counts).sort()) console.log(`${String(count).padStart(8)} ${name}`);
  console.log(`services that ended by themselves: ${inWords(ends)}`);
  console.log(`errors of the collection in them: ${inWords(collectionErrors)}`);
  for (const [what, count] of Object.entries(collectionErrors))
    report.violation('collection', new Error(`${what}: ${count}`));
}

const missing = ['nats-server', 'minio'].filter((program) => findProgram(program) === null);
if (missing.length > 0) {
  console.log(`MISSING soak: ${missing.join(' and ')} not found: node tools/clients.mjs installs what is missing`);
  process.exit(values['may-be-missing'] && !process.env.CI ? 0 : 1);
}
const report = new Report();
/** Ends the work, and cleans up; the verdict is that it did not come to one. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupted.abort());
const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-soak-'));
chmodSync(folder, 0o755); // the embedded PostgreSQL below it runs as another user
await orViolation(report, 'soak', () => soak(folder, report));
await orViolation(report, 'cleanup', () => rmSync(folder, { recursive: true, force: true }));
const clean = report.violations.length === 0;
console.log(`\nseed ${values.seed}`);
console.log(clean ? 'soak: clean' : `soak: FAILED, ${report.violations.length} violations`);
process.exitCode = clean ? 0 : 1;
