// Images per second pushed and pulled, and the latency of a manifest GET, of Berth and of its peers: in one run, on one
// disk, in turn, so that a ratio holds although the machine's speed drifts.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeProgram, ROOT } from '../install.mjs';
import { startTargets } from './targets.mjs';

const MB = 1_000_000;
/** How many images a round moves, by layer size: enough to last about a second and more. */
const IMAGES = { 1: 120, 10: 40, 100: 6 };
const CONCURRENCIES = [2, 8];

function options(args) {
  const given = { modes: ['standalone', 'distributed'], sizes: [1, 10, 100], rounds: 3 };
  for (let at = 0; at < args.length; at += 2) {
    const [name, value] = [args[at]?.slice(2), args[at + 1] ?? ''];
    if (name === 'modes') given.modes = value.split(',');
    else if (name === 'sizes') given.sizes = value.split(',').map(Number);
    else if (name === 'rounds') given.rounds = Number(value);
    else throw new Error('usage: npm run bench -- [--modes standalone,distributed] [--sizes 1,10,100] [--rounds 3]');
  }
  if (!given.sizes.every((size) => size in IMAGES) || !(given.rounds >= 1))
    throw new Error('sizes are 1, 10 or 100 (MB), rounds 1 or more');
  return given;
}

/** One load from a process of its own; resolves with what it measured. */
function load(job) {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeProgram(), [join(ROOT, 'tools/bench/load.mjs'), JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`the load on ${job.url} failed`)),
    );
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function measure(targets, rounds, job) {
  const figures = new Map(targets.map((target) => [target.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, url } of targets)
      figures.get(name).push(await load({ ...job, url, seed: `${Date.now()}-${round}` }));
  }
  return figures;
}

/** The figure of each target, and of Berth's the ratio to each peer, round by round. */
function row(label, figures, value, targets) {
  const of = (name) => figures.get(name).map(value);
  const cells = targets.map(({ name }) => `${median(of(name)).toFixed(1).padStart(8)}`);
  const [berths, peers] = [targets.filter((target) => target.berth), targets.filter((target) => !target.berth)];
  const ratios = berths.flatMap((berth) =>
    peers.map(
      (peer) =>
        `${berth.name}/${peer.name} ${median(of(berth.name).map((mine, round) => mine / of(peer.name)[round])).toFixed(2)}`,
    ),
  );
  console.log(`${label.padEnd(28)} ${cells.join(' ')}   ${ratios.join('  ')}`);
}

const { modes, sizes, rounds } = options(process.argv.slice(2));
const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-bench-'));
const targets = await startTargets(folder, modes);
try {
  console.log(
    `\n${'medians of ' + rounds + ' rounds'.padEnd(15)}             ${targets.map(({ name }) => name.slice(0, 8).padStart(8)).join(' ')}   ratios, round by round`,
  );
  for (const size of sizes) {
    for (const concurrency of CONCURRENCIES) {
      const figures = await measure(targets, rounds, {
        kind: 'images',
        images: IMAGES[size],
        layerBytes: size * MB,
        concurrency,
      });
      row(`push ${size} MB, ${concurrency} at a time, img/s`, figures, ({ pushed }) => pushed, targets);
      row(`pull ${size} MB, ${concurrency} at a time, img/s`, figures, ({ pulled }) => pulled, targets);
    }
  }
  const figures = await measure(targets, rounds, { kind: 'manifests', requests: 2000 });
  row('manifest GET, p50, us', figures, ({ p50 }) => p50, targets);
  row('manifest GET, p99, us', figures, ({ p99 }) => p99, targets);
} finally {
  for (const target of targets) await target.stop();
  rmSync(folder, { recursive: true, force: true });
}
