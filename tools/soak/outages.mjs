// When something was down: from before it is killed until everything is ready again.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 500;
/** A service asks what it stands on once a second: an answer that is younger than this may be from before. */
const STALE_MS = 1_500;
const GIVE_UP_MS = 600_000;

export class Outages {
  #isDown = false;
  #away = 0;
  #endedAt = 0;
  #brokenAt = 0;
  #watching = Promise.resolve();

  /**
   * `addressFile`: where each service has its internal port. Over when those that `isWaitedFor` are ready. Nothing is waited
   * for after `signal`.
   */
  constructor(addressFile, isWaitedFor, signal) {
    Object.assign(this, { addressFile, isWaitedFor, signal });
  }

  /** Something is being killed now. */
  begin() {
    this.#brokenAt = performance.now();
    if (this.#isDown) return;
    this.#isDown = true;
    this.#watching = this.#watch();
    // Whoever waits for it hears of it.
    this.#watching.catch(() => undefined);
  }

  /** Something is away while `work` goes on: no answer that says otherwise is believed. */
  async during(work) {
    this.#away++;
    this.begin();
    try {
      await work();
    } finally {
      this.#away--;
      this.begin();
    }
  }

  wasDown = (since) => this.#isDown || this.#endedAt > since;

  /** Until everything is ready, and has been for a moment. */
  async untilOver() {
    await this.#watching;
  }

  async #watch() {
    do {
      await delay(LOOK_MS);
      if (performance.now() - this.#brokenAt > GIVE_UP_MS) throw new Error('the services did not become ready again');
    } while (!this.signal.aborted && !(await this.#isOver()));
    this.#isDown = false;
    this.#endedAt = performance.now();
  }

  async #isOver() {
    const brokenAt = this.#brokenAt;
    if (this.#away > 0 || performance.now() - brokenAt < STALE_MS) return false;
    if (!existsSync(this.addressFile)) return false; // Berth has been stopped
    const addresses = Object.entries(JSON.parse(readFileSync(this.addressFile, 'utf8')));
    const isReady = await allReady(addresses.flatMap(([service, ports]) => (this.isWaitedFor(service) ? ports : [])));
    // Something else may have been killed since they were asked.
    return isReady && this.#brokenAt === brokenAt;
  }
}

async function allReady(addresses) {
  const answers = await Promise.all(
    addresses.map((address) =>
      fetch(`${address}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.ok,
        () => false,
      ),
    ),
  );
  return answers.every(Boolean);
}
