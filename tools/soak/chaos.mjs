// Kills one thing after another: processes of the services, which their supervisor starts again, and what they stand on.
// Now and then a gc-worker is only stopped for a while, and goes on with what it knew.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const SERVICES = ['gateway', 'registry-v2', 'storage', 'auth', 'manage', 'gc-worker'];
const SERVERS = ['postgres', 'nats', 'minio'];
/** Between two kills. */
const PAUSE_MS = [1_000, 4_000];
/** Of so many turns one comes while something is perhaps away still. The others wait until all is well, however slow that is. */
const HASTY = 4;
/** Of so many turns one is a server's, and one a pause of a gc-worker. */
const ROUND = 6;
const STOPPED_MS = 4_000;

export class Chaos {
  kills = {};

  constructor({ pidFile, servers, random, outages }) {
    Object.assign(this, { pidFile, servers, random, outages });
  }

  /** Until `over` is aborted. */
  async run(over) {
    for (let n = 1; ; n++) {
      if (n % HASTY !== 0) await this.outages.untilOver();
      await delay(PAUSE_MS[0] + this.random() * (PAUSE_MS[1] - PAUSE_MS[0]));
      if (over.aborted) return;
      this.outages.begin();
      if (n % ROUND === 0) await this.#restart(this.#some(SERVERS));
      else if (n % ROUND === 3) await this.#pause('gc-worker');
      else this.#signal(this.#some(SERVICES), 'SIGKILL');
    }
  }

  async #restart(server) {
    this.#count(server);
    await this.servers.restart(server);
    this.outages.begin();
  }

  async #pause(service) {
    const pid = this.#signal(service, 'SIGSTOP', `${service} stopped for ${STOPPED_MS / 1000} s`);
    await delay(STOPPED_MS);
    send(pid, 'SIGCONT');
    this.outages.begin();
  }

  #signal(service, signal, what = service) {
    this.#count(what);
    const pid = this.#some(JSON.parse(readFileSync(this.pidFile, 'utf8'))[service]);
    send(pid, signal);
    return pid;
  }

  #count(what) {
    this.kills[what] = (this.kills[what] ?? 0) + 1;
  }

  #some(choices) {
    return choices[Math.floor(this.random() * choices.length)];
  }
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It is being started again after the last time.
  }
}
