// The six services as processes on this machine, with their PostgreSQL, NATS and MinIO. Runs after the build, on Node 24.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { deployMigrations } from '@berth/metadata';
import { DataFolder, EmbeddedPostgres, generatePassword, isFirstStart } from '@berth/standalone';
import { freePort } from './free-port.mjs';
import { startMinio, startNats } from './infrastructure.mjs';
import { Supervisor } from './supervisor.mjs';

const SERVICES = ['storage', 'manage', 'auth', 'registry-v2', 'gc-worker', 'gateway'];

function replicasOf(args) {
  const replicas = new Map(SERVICES.map((service) => [service, 1]));
  const words = args.filter((word) => word !== '--');
  for (let at = 0; at < words.length; at += 2) {
    const [service, count] = (words[at + 1] ?? '').split('=');
    if (words[at] !== '--replicas' || !replicas.has(service) || !/^(0|[1-9]\d?)$/.test(count ?? '')) {
      throw new Error(
        `usage: npm run dev:distributed -- --replicas SERVICE=COUNT ...   (services: ${SERVICES.join(', ')})`,
      );
    }
    replicas.set(service, Number(count));
  }
  return replicas;
}

/** What an operator would set, where it is not set: servers of our own, secrets made at first start. */
async function settingsFor(dataFolder, env) {
  const folder = dataFolder.path;
  const infrastructure = [];
  const settings = { ...env };
  if (!settings.BERTH_DATABASE_URL) {
    const postgres = await EmbeddedPostgres.start(join(folder, 'postgres'), { max_connections: 300 });
    infrastructure.unshift(postgres);
    settings.BERTH_DATABASE_URL = postgres.url;
  }
  if (!settings.BERTH_NATS_URL) {
    const nats = await startNats(join(folder, 'nats'));
    infrastructure.unshift(nats);
    settings.BERTH_NATS_URL = nats.url;
  }
  if (!settings.BERTH_S3_ENDPOINT && settings.BERTH_BLOB_STORE !== 'filesystem') {
    const minio = await startMinio(join(folder, 'minio'), secretOf(join(folder, 'minio.key')));
    if (minio) {
      infrastructure.unshift(minio);
      Object.assign(settings, minio.settings);
    } else {
      console.error(
        'No minio on PATH or in the cache: blobs go to a folder, which allows one storage process (docs/development.md).',
      );
      settings.BERTH_BLOB_STORE = 'filesystem';
    }
  }
  settings.BERTH_SECRET_KEY ||= dataFolder.secretKey();
  settings.BERTH_DATA_DIR = folder;
  return { settings, infrastructure };
}

function secretOf(file) {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

async function start() {
  const replicas = replicasOf(process.argv.slice(2));
  const base = resolve(process.env.BERTH_DATA_DIR || 'data');
  const folder = new DataFolder(join(base, 'distributed'));
  const { settings, infrastructure } = await settingsFor(folder, process.env);
  await deployMigrations(settings.BERTH_DATABASE_URL);
  const firstStart = await isFirstStart(settings.BERTH_DATABASE_URL);
  const generated = firstStart && !settings.BERTH_ADMIN_PASSWORD ? generatePassword() : null;
  if (generated) settings.BERTH_ADMIN_PASSWORD = generated;

  const port = Number(settings.BERTH_PORT || 5000);
  const supervisor = new Supervisor(base);
  for (const service of SERVICES) {
    // The door opens when the rooms behind it are ready.
    if (service === 'gateway') await supervisor.untilReady();
    const count = service === 'storage' && settings.BERTH_BLOB_STORE === 'filesystem' ? 1 : replicas.get(service);
    for (let replica = 1; replica <= count; replica++) {
      const internalPort = await freePort();
      const own = { BERTH_INTERNAL_PORT: String(internalPort), BERTH_INTERNAL_HOST: '127.0.0.1' };
      if (service === 'gateway') own.BERTH_PORT = String(replica === 1 ? port : await freePort());
      supervisor.start(service, replica, { ...settings, ...own }, `http://127.0.0.1:${internalPort}`);
    }
  }
  await supervisor.untilReady();
  folder.publish(`http://127.0.0.1:${port}`);
  console.error(welcome(port, supervisor, generated, settings));
  return { supervisor, infrastructure, folder };
}

function welcome(port, supervisor, generated, settings) {
  const host = new URL(settings.BERTH_PUBLIC_URL || `http://127.0.0.1:${port}`).host;
  const account = generated
    ? `  user      admin\n  password  ${generated}    (generated now, not shown again)\n\n`
    : '';
  return `
  Berth listens on http://127.0.0.1:${port}
${supervisor.table()}
${account}  Try it:

    docker login ${host} -u admin
    docker tag IMAGE ${host}/IMAGE
    docker push ${host}/IMAGE

  Ctrl-C stops everything.
`;
}

let running;
const stop = async (code) => {
  const { supervisor, infrastructure, folder } = await running;
  await supervisor.stop();
  for (const server of infrastructure) await server.stop();
  folder.release();
  process.exit(code);
};

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!stopping) void stop(0);
    stopping = true;
  });
}
try {
  running = start();
  const { supervisor } = await running;
  supervisor.onGivenUp(() => void stop(1));
} catch (error) {
  console.error(`berth did not start: ${error.message}`);
  process.exit(1);
}
