// Kills one thing after another: processes of the services, which their supervisor starts again, and what they stand on.
// Now and then a gc-worker is only stopped for a while, and goes on with what it knew.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export const COLLECTOR = 'gc-worker';
const SERVICES = ['gateway', 'registry-v2', 'storage', 'auth', 'manage', COLLECTOR];
const SERVERS = ['postgres', 'nats', 'minio'];
/** Between two kills. */
const PAUSE_MS = [1_000, 4_000];
/** Of so many turns one comes while something is perhaps away still. The others wait until all is well, however slow that is. */
const HASTY = 4;
/** Of so many turns one is a server's, and one a pause of a gc-worker. */
const ROUND = 6;
/** How long: PostgreSQL ends a transaction that does nothing after 8 s, and others get its locks. */
const STOPPED_MS = [4_000, 12_000];

export class Chaos {
  kills = {};

  /** `outages`: of all that clients may notice. `absences`: of a gc-worker, which they may not. */
  constructor({ pidFile, servers, random, outages, absences }) {
    Object.assign(this, { pidFile, servers, random, outages, absences });
  }

  /** Until `over` is aborted. */
  async run(over) {
    for (let n = 1; ; n++) {
      if (n % HASTY !== 0) await Promise.all([this.outages.untilOver(), this.absences.untilOver()]);
      await delay(this.#between(PAUSE_MS));
      if (over.aborted) return;
      if (n % ROUND === 0) await this.#restart(this.#some(SERVERS));
      else if (n % ROUND === 3) await this.#pauseCollector();
      else this.#kill(this.#some(SERVICES));
    }
  }

  #kill(service) {
    (service === COLLECTOR ? this.absences : this.outages).begin();
    this.#signal(service, 'SIGKILL');
  }

  async #restart(server) {
    this.#count(server);
    await this.outages.during(() => this.absences.during(() => this.servers.restart(server)));
  }

  async #pauseCollector() {
    this.absences.begin();
    const pid = this.#signal(
      COLLECTOR,
      'SIGSTOP',
      `${COLLECTOR} stopped for ${STOPPED_MS[0] / 1000} to ${STOPPED_MS[1] / 1000} s`,
    );
    await delay(this.#between(STOPPED_MS));
    send(pid, 'SIGCONT');
    this.absences.begin();
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

  #between([least, most]) {
    return least + this.random() * (most - least);
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
