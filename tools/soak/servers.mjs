// What the registry stands on, each on its port and folder for good, to be killed and started again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgres } from '@berth/standalone';
import { freePort } from '../distributed/free-port.mjs';
import { startMinio, startNats } from '../distributed/infrastructure.mjs';

/** How long each is away. */
const AWAY_MS = 1_500;
const STOP_MS = 15_000;

export class Servers {
  #running = {};

  static async start(folder) {
    const servers = new Servers();
    const [postgresPort, natsPorts, minioPorts] = [await freePort(), await twoPorts(), await twoPorts()];
    servers.starters = {
      postgres: () => startPostgres(join(folder, 'postgres'), postgresPort),
      nats: () => startNats(join(folder, 'nats'), natsPorts),
      minio: () => startMinio(join(folder, 'minio'), 'only-for-this-soak', minioPorts),
    };
    for (const name of Object.keys(servers.starters)) servers.#running[name] = await servers.starters[name]();
    if (!servers.#running.minio) throw new Error('minio is not there: node tools/clients.mjs installs it');
    servers.databaseUrl = servers.#running.postgres.url;
    servers.settings = {
      BERTH_DATABASE_URL: servers.databaseUrl,
      BERTH_NATS_URL: servers.#running.nats.url,
      ...servers.#running.minio.settings,
    };
    return servers;
  }

  /** Kills one without a word, and starts it again. */
  async restart(name) {
    process.kill(this.#running[name].pid, 'SIGKILL');
    await delay(AWAY_MS);
    this.#running[name] = await this.starters[name]();
  }

  async stop() {
    for (const { pid } of Object.values(this.#running)) process.kill(pid, 'SIGINT');
    for (const { pid } of Object.values(this.#running)) await untilGone(pid);
  }
}

async function startPostgres(folder, port) {
  const { url } = await EmbeddedPostgres.start(folder, { port, max_connections: 300 });
  const [pid] = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  return { url, pid: Number(pid) };
}

const twoPorts = async () => [await freePort(), await freePort()];

async function untilGone(pid) {
  for (const deadline = Date.now() + STOP_MS; Date.now() < deadline; await delay(50)) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
}
