// The same calls on two registries, one with few rows and one with many, in turn: the ratio holds although the machine's
// speed drifts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { EmbeddedPostgres } from '../../apps/standalone/dist/embedded-postgres.js';
import { startBerth } from '../berth-process.mjs';
import { FULL_REPOSITORY, MEMBER, seed } from './seed.mjs';

const PASSWORD = 'for this measurement';
const WARM_UP = 20;
const LIMIT = 50;

const { values } = parseArgs({
  options: {
    few: { type: 'string', default: '100' },
    many: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '40' },
  },
});
const [few, many, rounds] = [values.few, values.many, values.rounds].map(Number);
if (![few, many, rounds].every((count) => Number.isSafeInteger(count) && count >= LIMIT / 2)) {
  console.error('usage: npm run bench:lists -- [--few 100] [--many 100000] [--rounds 40]');
  process.exit(1);
}

const dispatcher = new Agent({ connections: 2 });
const tags = `namespaces/${FULL_REPOSITORY.organisation}/repos/${FULL_REPOSITORY.name}/tags`;
const page = `limit=${LIMIT}&offset=`;

/** By name; `rows` is how many the registry has. */
const CALLS = {
  'repositories: first page': () => `repos?${page}0`,
  'repositories: last page': (rows) => `repos?${page}${rows - LIMIT}`,
  'repositories: page in the middle': (rows) => `repos?${page}${rows / 2}`,
  'repositories: by name': () => `repos?${page}0&order_column=name&order_type=asc`,
  'repositories: by number of tags': () => `repos?${page}0&order_column=tag_count`,
  'repositories: by organisation': () => `repos?${page}0&order_column=namespace&order_type=asc`,
  'repositories: of an organisation': () => `repos?${page}0&namespace=seed3`,
  'repositories: name has a part': (rows) => `repos?${page}0&name=itory-${Math.floor(rows * 0.77)}`,
  'repositories: by category': () => `repos?${page}0&category=linux`,
  'repositories: one': () => `namespaces/${FULL_REPOSITORY.organisation}/repos/${FULL_REPOSITORY.name}`,
  'repositories: of a member': { user: MEMBER, path: () => `repos?${page}0` },
  'repositories: of a member, deep': {
    user: MEMBER,
    path: (rows) => `repos?${page}${rows / 4}&order_column=name&order_type=asc`,
  },
  'repositories: all names match': () => `repos?${page}0&name=repository`,
  'tags: first page': () => `${tags}?${page}0`,
  'tags: last page': (rows) => `${tags}?${page}${rows - LIMIT}`,
  'tags: page in the middle': (rows) => `${tags}?${page}${rows / 2}`,
  'tags: by name': () => `${tags}?${page}0&order_column=tag&order_type=asc`,
  'tags: name has a part': (rows) => `${tags}?${page}0&tag=v1.${Math.floor(rows * 0.77)}-`,
  organisations: () => 'namespaces',
  'an organisation': () => 'namespaces/seed1',
  overview: () => 'overview',
};

async function startWith(rows, folder) {
  const postgres = await EmbeddedPostgres.start(join(folder, 'postgres'), { shared_buffers: '512MB' });
  const berth = await startBerth({ mode: 'standalone', folder, password: PASSWORD, databaseUrl: postgres.url });
  await seed(postgres.url, { repositories: rows, tags: rows, organisations: 10 });
  const tokens = Object.fromEntries(
    await Promise.all(['admin', MEMBER].map(async (user) => [user, await logIn(berth.url, user)])),
  );
  const stop = async () => {
    await berth.stop();
    await postgres.stop();
  };
  return { rows, url: berth.url, tokens, stop };
}

async function logIn(url, name) {
  const user = { name, password: PASSWORD, domain: { name: 'admin' } };
  const body = JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } });
  const { statusCode, headers, body: answer } = await request(`${url}/v3/auth/tokens`, { method: 'POST', body });
  await answer.dump();
  if (statusCode !== 201) throw new Error(`no token for ${name}: ${statusCode}`);
  return headers['x-subject-token'];
}

async function time({ url, tokens, rows }, call) {
  const { user, path } = typeof call === 'function' ? { user: 'admin', path: call } : call;
  const began = performance.now();
  const { statusCode, body } = await request(`${url}/v2/manage/${path(rows)}`, {
    headers: { 'x-auth-token': tokens[user] },
    dispatcher,
  });
  const text = await body.text();
  const took = performance.now() - began;
  if (statusCode !== 200) throw new Error(`${path(rows)}: ${statusCode} ${text}`);
  return took;
}

const median = (figures) => [...figures].sort((a, b) => a - b)[figures.length >> 1];

const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-bench-lists-'));
const registries = [];
try {
  for (const rows of [few, many]) {
    registries.push(await startWith(rows, join(folder, String(rows))));
    console.log(`${rows} repositories, ${rows} tags in one: ready`);
  }
  console.log(
    `\n${`medians of ${rounds}, ms`.padEnd(36)} ${String(few).padStart(8)} ${String(many).padStart(8)}    ratio   the first among ${many}`,
  );
  for (const [name, call] of Object.entries(CALLS)) {
    const figures = registries.map(() => []);
    const first = [];
    for (let round = 0; round < WARM_UP + rounds; round++) {
      for (const [at, registry] of registries.entries()) {
        const took = await time(registry, call);
        if (round === 0) first[at] = took;
        if (round >= WARM_UP) figures[at].push(took);
      }
    }
    const ratio = median(figures[1].map((took, round) => took / figures[0][round]));
    const cells = figures.map((ms) => median(ms).toFixed(1).padStart(8)).join(' ');
    console.log(`${name.padEnd(36)} ${cells} ${ratio.toFixed(2).padStart(8)} ${first[1].toFixed(1).padStart(10)}`);
  }
} finally {
  for (const registry of registries) await registry.stop();
  await dispatcher.close();
  rmSync(folder, { recursive: true, force: true });
}
