// Pushes and pulls in turn, while garbage is collected and while none is: the six services on PostgreSQL, NATS and MinIO. The
// garbage goes in slices, each between two quiet windows, so that a machine whose speed drifts does so in both.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CollectionCounters } from '../soak/collection.mjs';
import { anImage } from '../soak/images.mjs';
import { Leftovers } from '../soak/leftovers.mjs';
import { RegistryCalls } from '../soak/registry-calls.mjs';
import { quantile, Report } from '../soak/report.mjs';
import { Garbage, REPOSITORY } from './garbage.mjs';
import { withSixServices } from './six-services.mjs';

const LAYER_BYTES = 100_000;
const WARM_UP = 30;
const SETTINGS = {
  BERTH_LEASE_SECONDS: 3_600,
  BERTH_GC_GRACE_SECONDS: 0,
  BERTH_READ_GRANT_SECONDS: 1,
};

const { values } = parseArgs({
  options: {
    blobs: { type: 'string', default: '100000' },
    slices: { type: 'string', default: '10' },
    'quiet-seconds': { type: 'string', default: '15' },
    minutes: { type: 'string', default: '120' },
  },
});
const [blobs, slices, quietSeconds, minutes] = [
  values.blobs,
  values.slices,
  values['quiet-seconds'],
  values.minutes,
].map(Number);
if (
  ![blobs, slices, quietSeconds, minutes].every((count) => Number.isSafeInteger(count) && count > 0) ||
  blobs % slices !== 0
) {
  console.error(
    'usage: npm run bench:collection -- [--blobs 100000] [--slices 10] [--quiet-seconds 15] [--minutes 120]',
  );
  process.exit(1);
}

/** Pushes a new image of two layers, and pulls it; how long each took goes into `into`. */
async function pushAndPull(calls, into) {
  const image = anImage([randomBytes(LAYER_BYTES), randomBytes(LAYER_BYTES)], {
    number: randomBytes(8).toString('hex'),
  });
  const began = performance.now();
  for (const blob of image.blobs) await calls.upload('measured/app', blob);
  await calls.putManifest('measured/app', 'latest', image);
  const pushed = performance.now();
  await calls.manifest('measured/app', image.digest);
  for (const { digest } of JSON.parse(image.bytes).layers) await calls.blob('measured/app', digest);
  into.push.push(pushed - began);
  into.pull.push(performance.now() - pushed);
}

async function measureUntil(calls, isOver) {
  const times = { push: [], pull: [] };
  do await pushAndPull(calls, times);
  while (!(await isOver()));
  return times;
}

const quiet = (calls) => {
  const until = performance.now() + quietSeconds * 1000;
  return measureUntil(calls, () => performance.now() > until);
};

const at = (times, share) =>
  quantile(
    [...times].sort((a, b) => a - b),
    share,
  );
const median = (times) => at(times, 0.5);

/** Windows in turn: one more quiet one than slices, of which none begins when the minutes are over. */
async function measure(calls, garbage) {
  const windows = { quiet: [await quiet(calls)], collecting: [] };
  const until = performance.now() + minutes * 60_000;
  let seconds = 0;
  for (let slice = 1; slice <= slices && performance.now() < until; slice++) {
    await garbage.make(blobs / slices);
    windows.quiet.push(await quiet(calls));
    const began = performance.now();
    await garbage.release(calls);
    windows.collecting.push(await measureUntil(calls, () => garbage.isGone()));
    const took = (performance.now() - began) / 1000;
    seconds += took;
    const [before, during] = [windows.quiet.at(-1), windows.collecting.at(-1)];
    console.log(
      `slice ${slice}: ${blobs / slices} blobs in ${took.toFixed(1)} s; push ${median(before.push).toFixed(1)} ms quiet, ` +
        `${median(during.push).toFixed(1)} collecting; pull ${median(before.pull).toFixed(1)}, ${median(during.pull).toFixed(1)}`,
    );
  }
  windows.quiet.push(await quiet(calls));
  return { windows, seconds };
}

function print({ windows, seconds }, { blobs, bytes }) {
  console.log(`\n${'ms'.padEnd(12)} ${['quiet', 'collecting', 'ratio'].map((text) => text.padStart(11)).join('')}`);
  for (const kind of ['push', 'pull']) {
    const [before, during] = [windows.quiet, windows.collecting].map((all) => all.flatMap((window) => window[kind]));
    for (const share of [0.5, 0.95, 0.99]) {
      const figures = [at(before, share), at(during, share)];
      const cells = [...figures.map((ms) => ms.toFixed(1)), (figures[1] / figures[0]).toFixed(2)];
      console.log(`${`${kind} p${share * 100}`.padEnd(12)} ${cells.map((text) => text.padStart(11)).join('')}`);
    }
    // Each against the quiet window before it and the one behind it.
    const ratios = windows.collecting.map(
      (window, n) => median(window[kind]) / median([...windows.quiet[n + 1][kind], ...windows.quiet[n + 2][kind]]),
    );
    console.log(`${kind}: ${before.length} quiet, ${during.length} collecting; slice by slice the medians' ratio is`);
    console.log(`  ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}; its median ${median(ratios).toFixed(2)}`);
  }
  console.log(
    `collected: ${blobs} blobs, ${bytes} bytes in ${seconds.toFixed(0)} s: ${(blobs / seconds).toFixed(0)} blobs/s, ` +
      `${(bytes / seconds / 1000).toFixed(0)} kB/s`,
  );
}

async function run({ berth, servers }) {
  const report = new Report();
  const { signal } = interrupted;
  const calls = new RegistryCalls({
    url: berth.url,
    report,
    wasDown: () => false,
    tell: (requestId) => console.log(`request ${requestId} is in the log of the services`),
    vanishing: new Set(),
    signal,
  });
  let garbage;
  try {
    const counters = new CollectionCounters(berth.addressFile);
    await calls.upload(REPOSITORY, randomBytes(100));
    garbage = await Garbage.connect(servers);
    for (let n = 0; n < WARM_UP; n++) await pushAndPull(calls, { push: [], pull: [] });
    const measured = await measure(calls, garbage);
    const counted = await counters.stop();
    print(measured, garbage.made);
    const left = await new Leftovers(servers).counts();
    const wrong = [
      'blobs without a link',
      'objects that wait for their deletion',
      'rows without an object',
      'objects without a row',
      'repositories whose statistics are wrong',
    ].filter((what) => left[what] > 0);
    for (const what of wrong) console.log(`${what}: ${left[what]}`);
    const errors = Object.entries(counted).filter(
      ([name, count]) => name.startsWith('berth_garbage_errors_total') && count > 0,
    );
    for (const [name, count] of errors) console.log(`${name}: ${count}`);
    if (report.hasTroubles()) report.print();
    return wrong.length === 0 && errors.length === 0 && !report.hasTroubles();
  } finally {
    await garbage?.end();
    await calls.close();
  }
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupted.abort());
const isClean = await withSixServices(SETTINGS, run);
console.log(isClean ? 'everything is gone, and no request failed' : 'FAILED: see above');
process.exitCode = isClean ? 0 : 1;
