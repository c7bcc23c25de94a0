/** Counts what the clients do, what they are answered, and what became of what they had to try again. */
export class Report {
  violations = [];
  /** Refused after the time was over for which a client may rely on what it found: pushed again, as documented. */
  protectionOver = 0;
  #steps = {};
  #vanished = {};
  #requests = new Map();
  #troubles = new Map();

  request(kind, ms, outcome) {
    const known = this.#requests.get(kind) ?? { times: [], outcomes: {} };
    known.times.push(ms);
    add(known.outcomes, outcome);
    this.#requests.set(kind, known);
  }

  /** `what` each of them was, and what the client got in the end. */
  troubles(kind, troubles, outcome) {
    for (const { what, duringOutage } of troubles) {
      const name = `${kind}: ${what}`;
      const known = this.#troubles.get(name) ?? { during: 0, beside: 0, outcomes: {} };
      known[duringOutage ? 'during' : 'beside']++;
      add(known.outcomes, outcome);
      this.#troubles.set(name, known);
    }
  }

  hasTroubles() {
    return this.#troubles.size > 0;
  }

  /** Refused since another client deleted the repository meanwhile. */
  vanished(kind) {
    add(this.#vanished, kind);
  }

  step(name) {
    add(this.#steps, name);
  }

  violation(where, error) {
    this.violations.push(`${where}: ${error.message}`);
    console.log(`VIOLATION ${where}: ${error.message}`);
  }

  progress() {
    const operations = Object.values(this.#steps).reduce((sum, count) => sum + count, 0);
    return `${new Date().toISOString()} ${operations} operations, ${this.violations.length} violations`;
  }

  print() {
    console.log(`\n${label('operation')} ${cell('count')}`);
    for (const [name, count] of Object.entries(this.#steps).sort(byCount)) console.log(`${label(name)} ${cell(count)}`);
    const titles = ['count', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'].map(cell).join(' ');
    console.log(`\n${label('request')} ${titles}   answers`);
    for (const [kind, { times, outcomes }] of this.#requests) {
      const sorted = times.sort((a, b) => a - b);
      const figures = [0.5, 0.95, 0.99, 1].map((share) => cell(quantile(sorted, share).toFixed(1))).join(' ');
      console.log(`${label(kind)} ${cell(times.length)} ${figures}   ${inWords(outcomes)}`);
    }
    console.log(`\n${label('errors seen by clients')} ${cell('in outage')} ${cell('else')}   what became of them`);
    for (const [name, { during, beside, outcomes }] of this.#troubles)
      console.log(`${label(name)} ${cell(during)} ${cell(beside)}   ${inWords(outcomes)}`);
    console.log(`\npushed again, the protection being over: ${this.protectionOver}`);
    console.log(`pushed again, the repository having been deleted: ${inWords(this.#vanished)}`);
  }
}

/** Of numbers in order. */
export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

export const inWords = (counts) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

const add = (counts, name) => (counts[name] = (counts[name] ?? 0) + 1);
const byCount = ([, a], [, b]) => b - a;
const label = (text) => text.padEnd(32);
const cell = (text) => String(text).padStart(9);
