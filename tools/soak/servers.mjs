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

  /** Those that run are stopped by `stop`, also where another one does not start. */
  async start(folder) {
    const [postgresPort, natsPorts, minioPorts] = [await freePort(), await twoPorts(), await twoPorts()];
    this.starters = {
      postgres: () => startPostgres(join(folder, 'postgres'), postgresPort),
      nats: () => startNats(join(folder, 'nats'), natsPorts),
      minio: () => startMinio(join(folder, 'minio'), 'only-for-this-soak', minioPorts),
    };
    for (const name of Object.keys(this.starters)) this.#running[name] = await this.starters[name]();
    this.databaseUrl = this.#running.postgres.url;
    this.settings = {
      BERTH_DATABASE_URL: this.databaseUrl,
      BERTH_NATS_URL: this.#running.nats.url,
      ...this.#running.minio.settings,
    };
  }

  /** Of those that run, each in a list, as those of the services are. */
  get pids() {
    return Object.fromEntries(Object.entries(this.#running).map(([name, { pid }]) => [name, [pid]]));
  }

  /** Kills one without a word, and starts it again. */
  async restart(name) {
    process.kill(this.#running[name].pid, 'SIGKILL');
    delete this.#running[name];
    await delay(AWAY_MS);
    this.#running[name] = await this.starters[name]();
  }

  async stop() {
    for (const { pid } of Object.values(this.#running)) interrupt(pid);
    for (const { pid } of Object.values(this.#running)) await untilGone(pid);
  }
}

async function startPostgres(folder, port) {
  const { url } = await EmbeddedPostgres.start(folder, { port, max_connections: 300 });
  const [pid] = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  return { url, pid: Number(pid) };
}

function interrupt(pid) {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // It has ended by itself.
  }
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
