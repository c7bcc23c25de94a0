// What the gc-workers say of themselves, by their metrics and logs.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { COLLECTOR } from './chaos.mjs';

const LOOK_MS = 500;
const WANTED =
  /^(berth_(?:garbage_\w+_total|orphans_removed_total|scrubbed_bytes_total|damaged_blobs_total)[^ ]*) (\S+)$/gm;

/** Counters of processes that come and go. What one counts between the last look and its end is lost: a lower bound. */
export class CollectionCounters {
  #seen = new Map();
  #ended = {};
  #stopping = false;
  #running;

  constructor(addressFile) {
    this.addressFile = addressFile;
    this.#running = this.#run();
    // Whoever stops it hears of it.
    this.#running.catch(() => undefined);
  }

  /** By metric and labels. */
  async stop() {
    this.#stopping = true;
    await this.#running;
    const sums = { ...this.#ended };
    for (const counters of this.#seen.values()) addTo(sums, counters);
    return sums;
  }

  async #run() {
    do {
      await this.#look();
      await delay(LOOK_MS);
    } while (!this.#stopping);
    await this.#look();
  }

  async #look() {
    if (!existsSync(this.addressFile)) return; // Berth has been stopped
    for (const address of JSON.parse(readFileSync(this.addressFile, 'utf8'))[COLLECTOR]) {
      const text = await fetch(`${address}/metrics`, { signal: AbortSignal.timeout(1_000) }).then(
        (response) => response.text(),
        () => null,
      );
      if (text === null) continue;
      const counters = countersIn(text);
      const before = this.#seen.get(address) ?? {};
      const isNew = Object.entries(before).some(([name, value]) => (counters[name] ?? 0) < value);
      if (isNew) addTo(this.#ended, before);
      this.#seen.set(address, counters);
    }
  }
}

function countersIn(text) {
  const counters = {};
  for (const [, name, value] of text.matchAll(WANTED)) {
    const plain = name.replace(/,?service="[^"]*"/, '').replace('{}', '');
    counters[plain] = (counters[plain] ?? 0) + Number(value);
  }
  return counters;
}

function addTo(sums, counters) {
  for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value;
}

/** Of so many requests the lines of the logs are printed. */
const MOST_TOLD = 10;

/** By the supervisor. What is killed ends with SIGKILL: any other end is a service's own. */
const ENDED = /^(\S+) \d+ ended \((?!SIGKILL\))(.+)\), it is started again$/;

/**
 * Lines of the services' logs, counted by level, service and message; errors of the collection; services that ended by
 * themselves; and the last lines.
 */
export class ServiceLog {
  counts = {};
  ends = {};
  collectionErrors = {};
  #last = [];
  #told = [];
  #levels;

  /** What a collector logs at one of these levels is an error of the collection. */
  constructor(levels = ['error', 'fatal']) {
    this.#levels = levels;
  }

  /** Takes a stream of such lines. */
  read(stream) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.#take(line);
    });
  }

  /** Prints what is in them of a request, and what will be; of the first few. */
  tell(requestId) {
    if (this.#told.length === MOST_TOLD) return;
    this.#told.push(requestId);
    for (const line of this.#last) if (line.includes(requestId)) console.log(`LOG ${line}`);
  }

  last() {
    return this.#last.join('\n');
  }

  #take(line) {
    this.#last.push(line);
    if (this.#last.length > 300) this.#last.shift();
    if (this.#told.some((requestId) => line.includes(requestId))) console.log(`LOG ${line}`);
    const [, service, how] = ENDED.exec(line) ?? [];
    if (service) this.#takeEnd(service, how);
    const entry = parsed(line);
    if (!entry) return;
    add(this.counts, `${entry.level} ${entry.service}: ${entry.msg}`);
    if (!this.#isOfCollection(entry)) return;
    // The first of a kind tells what it is.
    if (add(this.collectionErrors, entry.msg) === 1) console.log(`LOG ${line}`);
  }

  /** What a worker warns of is away, and is tried again. That its bus is away, the framework calls an error. */
  #isOfCollection({ level, service, context }) {
    return service === COLLECTOR && this.#levels.includes(level) && context !== 'Server';
  }

  #takeEnd(service, how) {
    add(this.ends, `${service} (${how})`);
    if (service === COLLECTOR) add(this.collectionErrors, `ended by itself (${how})`);
    console.log(`ENDED ${service} (${how}), behind:\n${this.#last.slice(-20).join('\n')}`);
  }
}

const add = (counts, name) => (counts[name] = (counts[name] ?? 0) + 1);

function parsed(line) {
  try {
    const entry = JSON.parse(line);
    return typeof entry?.msg === 'string' ? entry : null;
  } catch {
    return null;
  }
}
