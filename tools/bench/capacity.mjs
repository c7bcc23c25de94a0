// What a push and a pull cost: processor time of each process, and what PostgreSQL writes and keeps. The six services with a
// login, on PostgreSQL, NATS and MinIO. Processor time does not grow with what else the machine does, as a duration would.
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { forEachOf, ImageLoad, makeImages, rebuilt } from './image-load.mjs';
import { resident } from './resident.mjs';
import { withSixServices } from './six-services.mjs';

const CONCURRENCY = 4;
const LAYERS = 5;
const SMALL_LAYER = 20_000;
const LARGE_LAYER = 100_000_000;
const LARGE_LAYERS = 10;
/** Behind a load, until what it has set off is done: events, statistics, reviews. */
const SETTLE_MS = 5_000;
const REST_MS = 20_000;
const TICKS_PER_SECOND = 100;
/** 100 kB a second each. */
const SLOW_READERS = 200;
const SLOW_BYTES = 10_000;
const SLOW_MS = 100;

const DATABASE = `SELECT pg_database_size(current_database())::float8 AS bytes, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal,
  (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8 AS transactions`;

const { values } = parseArgs({ options: { images: { type: 'string', default: '300' } } });
const count = Number(values.images);
if (!Number.isSafeInteger(count) || count < 1) {
  console.error('usage: npm run bench:capacity -- [--images 300]');
  process.exit(1);
}

/** User and system time in seconds, of the process itself and of those that it has waited for; and whose child it is. */
function processTimes(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const [parent, ...ticks] = [fields[1], ...fields.slice(11, 15)].map(Number);
  return { parent, seconds: ticks.reduce((sum, part) => sum + part, 0) / TICKS_PER_SECOND };
}

/** With all its children: PostgreSQL has one for each connection, which come and go. */
function secondsOf(pid) {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((other) => {
      try {
        const { parent, seconds } = processTimes(other);
        return parent === pid ? [seconds] : [];
      } catch {
        return []; // It has ended since.
      }
    });
  return children.reduce((sum, seconds) => sum + seconds, processTimes(pid).seconds);
}

class Meter {
  constructor(pids, database) {
    this.pids = pids;
    this.database = database;
  }

  async read() {
    const [row] = (await this.database.query(DATABASE)).rows;
    const cpu = Object.fromEntries(
      Object.entries(this.pids).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + secondsOf(pid), 0)]),
    );
    return { ...row, cpu, at: performance.now() };
  }

  /** What `work` added to each figure, and how many seconds it took. */
  async during(work) {
    const before = await this.read();
    await work();
    await delay(SETTLE_MS);
    const after = await this.read();
    const grown = (name) => after[name] - before[name];
    const cpu = Object.fromEntries(Object.keys(after.cpu).map((name) => [name, after.cpu[name] - before.cpu[name]]));
    return {
      cpu,
      bytes: grown('bytes'),
      wal: grown('wal'),
      transactions: grown('transactions'),
      seconds: grown('at') / 1000,
    };
  }
}

/** Of one of `times`, without what the processes do at rest. In milliseconds, kB and transactions. */
function costOf(measured, rest, times) {
  const share = measured.seconds / rest.seconds;
  const each = (value, atRest, unit) => Math.max(0, (value - atRest * share) * unit) / times;
  const cpu = Object.entries(measured.cpu).map(([name, seconds]) => each(seconds, rest.cpu[name], 1000));
  return [
    ...cpu,
    cpu.reduce((sum, ms) => sum + ms, 0),
    each(measured.transactions, rest.transactions, 1),
    each(measured.wal, rest.wal, 0.001),
    each(measured.bytes, rest.bytes, 0.001),
  ];
}

/** What a service says of itself, summed over labels and processes. */
async function metricOf(addresses, name) {
  const texts = await Promise.all(addresses.map(async (address) => (await fetch(`${address}/metrics`)).text()));
  const values = texts.flatMap((text) => [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))]);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** A client that takes its bytes as a slow line does, until it is let go of. Resolves when the first have come. */
async function readSlowly(load, image, token) {
  const body = await load.blob(image, image.layers[0], token);
  await once(body, 'readable');
  const timer = setInterval(() => body.read(SLOW_BYTES), SLOW_MS);
  body.on('error', () => undefined);
  return () => {
    clearInterval(timer);
    body.destroy();
  };
}

/** What transfers take that hardly move: not the processor. */
async function measureSlow(meter, load, image, addresses) {
  const memory = () =>
    Object.fromEntries(
      ['gateway', 'storage'].map((name) => [name, meter.pids[name].reduce((sum, pid) => sum + resident(pid), 0)]),
    );
  const before = memory();
  const token = await load.token(image.repository);
  const readers = await Promise.all(Array.from({ length: SLOW_READERS }, () => readSlowly(load, image, token)));
  await delay(SETTLE_MS);
  const figures = await meter.during(() => delay(REST_MS));
  const after = memory();
  for (const [service, metric] of [
    ['gateway', 'berth_http_bytes_in_flight'],
    ['storage', 'berth_blob_bytes_in_flight'],
  ]) {
    const cpu = (figures.cpu[service] * 1000) / figures.seconds;
    const bytes = await metricOf(addresses[service], metric);
    console.log(
      `${SLOW_READERS} slow readers, ${service}: ${figure(cpu)} ms a second; memory ${before[service].toFixed(0)} to ` +
        `${after[service].toFixed(0)} MiB; ${(bytes / 1e9).toFixed(1)} GB in flight`,
    );
  }
  for (const letGo of readers) letGo();
}

const figure = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const row = (name, cells) =>
  console.log(`${name.padEnd(34)}${cells.map((cell) => String(cell).padStart(13)).join('')}`);

async function measure(meter, load, addresses) {
  const rest = await meter.during(() => delay(REST_MS));
  const names = Object.keys(rest.cpu);
  row('', [...names, 'all', 'transactions', 'WAL kB', 'kept kB']);
  const atRest = Object.values(rest.cpu).map((seconds) => (seconds * 1000) / rest.seconds);
  row('at rest, ms a second', [...atRest, atRest.reduce((sum, ms) => sum + ms, 0)].map(figure));
  const measured = async (name, images, times, work) => {
    const figures = await meter.during(() => forEachOf(images, CONCURRENCY, work));
    row(name, costOf(figures, rest, times).map(figure));
  };

  const images = makeImages('small', count, SMALL_LAYER, LAYERS);
  await measured('push, all new, ms', images, count, (image) => load.push(image));
  const builds = images.map(rebuilt);
  await measured('push, one layer new, ms', builds, count, (image) => load.pushWhatIsNew(image));
  await measured('push, nothing new, ms', builds, count, (image) => load.pushWhatIsNew(image));
  await measured('pull, ms', builds, count, (image) => load.pull(image));
  const tokens = new Map();
  for (const { repository } of images.slice(0, 10)) tokens.set(repository, await load.token(repository));
  await measured('HEAD of a tag, ms', builds, count, (image) => load.head(image, tokens.get(image.repository)));

  const gigabytes = (LARGE_LAYERS * LARGE_LAYER) / 1e9;
  const large = makeImages('large', LARGE_LAYERS, LARGE_LAYER);
  await measured('push of a GB, ms', large, gigabytes, (image) => load.push(image));
  await measured('pull of a GB, ms', large, gigabytes, (image) => load.pull(image));
  await measureSlow(meter, load, large[0], addresses);
}

const password = randomBytes(16).toString('hex');
await withSixServices({ BERTH_OPEN: 'false', BERTH_ADMIN_PASSWORD: password }, async ({ berth, servers }) => {
  const load = new ImageLoad(berth.url, { password });
  const database = new pg.Client({ connectionString: servers.databaseUrl });
  await database.connect();
  try {
    const services = JSON.parse(readFileSync(berth.pidFile, 'utf8'));
    const warm = makeImages('warm', 50, SMALL_LAYER, LAYERS);
    await forEachOf(warm, CONCURRENCY, (image) => load.push(image));
    await forEachOf(warm, CONCURRENCY, (image) => load.pull(image));
    const how = `${count} images of ${LAYERS} layers, ${CONCURRENCY} at a time, a token for each push and pull`;
    console.log(`${how}; ${cpus()[0].model}\n`);
    const addresses = JSON.parse(readFileSync(berth.addressFile, 'utf8'));
    await measure(new Meter({ ...services, ...servers.pids }, database), load, addresses);
  } finally {
    await database.end();
    await load.close();
  }
});
