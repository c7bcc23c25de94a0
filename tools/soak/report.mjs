/** Counts what the clients do and what they are answered. */
export class Report {
  steps = {};
  violations = [];
  #requests = new Map();

  request = (kind, ms, outcome) => {
    const known = this.#requests.get(kind) ?? { times: [], outcomes: {} };
    known.times.push(ms);
    known.outcomes[outcome] = (known.outcomes[outcome] ?? 0) + 1;
    this.#requests.set(kind, known);
  };

  step(name) {
    this.steps[name] = (this.steps[name] ?? 0) + 1;
  }

  violation(client, error) {
    this.violations.push(`${client}: ${error.message}`);
    console.log(`VIOLATION ${client}: ${error.message}`);
  }

  print(kills) {
    console.log(`\nsteps      ${inWords(this.steps)}`);
    console.log(`kills      ${inWords(kills)}`);
    console.log(
      `\n${'request'.padEnd(18)} ${'count'.padStart(8)} ${'p50 ms'.padStart(8)} ${'p99 ms'.padStart(8)}   answers`,
    );
    for (const [kind, { times, outcomes }] of this.#requests) {
      const sorted = times.sort((a, b) => a - b);
      const at = (share) =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1).padStart(8);
      console.log(
        `${kind.padEnd(18)} ${String(times.length).padStart(8)} ${at(0.5)} ${at(0.99)}   ${inWords(outcomes)}`,
      );
    }
  }
}

const inWords = (counts) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
