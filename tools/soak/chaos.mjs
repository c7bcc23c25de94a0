// Kills one thing after another: processes of the services, which their supervisor starts again, and what they stand on.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const SERVICES = ['gateway', 'registry-v2', 'storage', 'auth', 'manage', 'gc-worker'];
const SERVERS = ['postgres', 'nats', 'minio'];
/** Between two kills: seconds, so that most of the time all is well and collection runs. */
const PAUSE_MS = [2_000, 6_000];
/** Of so many kills one is of a server. */
const SERVER_EVERY = 5;

export class Chaos {
  kills = {};
  #stopping = false;

  constructor({ pidFile, servers, random }) {
    Object.assign(this, { pidFile, servers, random });
  }

  async run() {
    for (let n = 1; !this.#stopping; n++) {
      await delay(PAUSE_MS[0] + this.random() * (PAUSE_MS[1] - PAUSE_MS[0]));
      if (this.#stopping) return;
      const name = n % SERVER_EVERY === 0 ? this.#some(SERVERS) : this.#some(SERVICES);
      this.kills[name] = (this.kills[name] ?? 0) + 1;
      if (SERVERS.includes(name)) await this.servers.restart(name);
      else this.#kill(name);
    }
  }

  stop() {
    this.#stopping = true;
  }

  #kill(service) {
    const pids = JSON.parse(readFileSync(this.pidFile, 'utf8'))[service] ?? [];
    try {
      process.kill(this.#some(pids), 'SIGKILL');
    } catch {
      // It is being started again after the last time.
    }
  }

  #some(choices) {
    return choices[Math.floor(this.random() * choices.length)];
  }
}
