// Pushes one large layer through the gateway and pulls it again, and prints how far each process's memory grew meanwhile.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { resident } from './resident.mjs';
import { startTargets } from './targets.mjs';

const MIB = 2 ** 20;
const SAMPLE_MS = 50;
const ALLOWED_MIB = 64;

function options(args) {
  const given = { modes: ['standalone', 'distributed'], gigabytes: 5 };
  for (let at = 0; at < args.length; at += 2) {
    if (args[at] === '--modes') given.modes = (args[at + 1] ?? '').split(',');
    else if (args[at] === '--gb') given.gigabytes = Number(args[at + 1]);
    else throw new Error('usage: npm run bench:memory -- [--modes standalone,distributed] [--gb 5]');
  }
  return given;
}

/** The peak of each process while `work` runs. */
async function peaks(pids, work) {
  const peak = new Map(pids.map(({ pid }) => [pid, resident(pid)]));
  const timer = setInterval(() => {
    for (const { pid } of pids) peak.set(pid, Math.max(peak.get(pid), resident(pid)));
  }, SAMPLE_MS);
  await work();
  clearInterval(timer);
  return peak;
}

async function call(dispatcher, method, url, expected, body) {
  const response = await request(url, { method, body, dispatcher });
  if (response.statusCode !== expected)
    throw new Error(`${method} ${url}: ${response.statusCode} ${await response.body.text()}`);
  return response;
}

/** Streams `size` bytes in one PATCH, as Docker does, and reads them back; compares the hash. */
async function pushAndPull(base, size) {
  const dispatcher = new Agent({ bodyTimeout: 600_000, headersTimeout: 600_000 });
  const piece = randomBytes(MIB);
  const hash = createHash('sha256');
  const bytes = (async function* () {
    for (let sent = 0; sent < size; sent += MIB) {
      piece.writeBigUInt64LE(BigInt(sent));
      const part = Buffer.from(piece);
      hash.update(part);
      yield part;
    }
  })();
  const started = await call(dispatcher, 'POST', `${base}/v2/bench/large/blobs/uploads/`, 202);
  const patched = await call(dispatcher, 'PATCH', new URL(started.headers.location, base), 202, bytes);
  await Promise.all([started.body.dump(), patched.body.dump()]);
  const digest = `sha256:${hash.digest('hex')}`;
  const location = new URL(patched.headers.location, base);
  location.searchParams.set('digest', digest);
  await (await call(dispatcher, 'PUT', location, 201)).body.dump();
  const got = await call(dispatcher, 'GET', `${base}/v2/bench/large/blobs/${digest}`, 200);
  const back = createHash('sha256');
  for await (const chunk of got.body) back.update(chunk);
  if (`sha256:${back.digest('hex')}` !== digest) throw new Error('other bytes came back');
  await dispatcher.close();
}

function processesOf(mode, target, folder) {
  if (mode === 'standalone') return [{ name: 'standalone', pid: target.pid }];
  const services = JSON.parse(readFileSync(join(folder, mode, 'pids.json'), 'utf8'));
  return Object.entries(services).flatMap(([name, pids]) => pids.map((pid) => ({ name, pid })));
}

const { modes, gigabytes } = options(process.argv.slice(2));
let worst = 0;
for (const mode of modes) {
  const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-memory-'));
  const [target] = await startTargets(folder, [mode], { peers: false });
  try {
    const pids = processesOf(mode, target, folder);
    await pushAndPull(target.url, 64 * MIB);
    const before = new Map(pids.map(({ pid }) => [pid, resident(pid)]));
    const peak = await peaks(pids, () => pushAndPull(target.url, gigabytes * 1024 * MIB));
    for (const { name, pid } of pids) {
      const growth = peak.get(pid) - before.get(pid);
      worst = Math.max(worst, growth);
      console.log(
        `${mode.padEnd(12)} ${name.padEnd(12)} before ${before.get(pid).toFixed(0).padStart(4)} MiB  peak ${peak.get(pid).toFixed(0).padStart(4)} MiB  growth ${growth.toFixed(0).padStart(4)} MiB`,
      );
    }
  } finally {
    await target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`${gigabytes} GiB pushed and pulled; largest growth ${worst.toFixed(0)} MiB, allowed ${ALLOWED_MIB} MiB`);
process.exitCode = worst > ALLOWED_MIB ? 1 : 0;
