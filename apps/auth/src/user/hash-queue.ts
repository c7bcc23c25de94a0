import { registryError } from '@berth/oci';

export interface HashQueueOptions {
  /** Hashes at once. */
  atOnce: number;
  /** Hashes that wait for one of those; one more is refused. */
  waiting: number;
  /** Whose hash waited longer is not there any more. */
  longestWaitMs: number;
}

/** Said with a refusal: a full queue is done within about that. */
const RETRY_AFTER_SECONDS = '2';

/**
 * Bounds what password hashes take. Each holds a thread of the pool that files are read with as well, and everybody may
 * ask for one: without a bound wrong passwords would stop every pull, and right ones.
 */
export class HashQueue {
  private running = 0;
  private readonly waiting: { since: number; start: (late: boolean) => void }[] = [];

  constructor(private readonly options: HashQueueOptions) {}

  /** TOOMANYREQUESTS, without hashing, where too many wait already, or where this one has waited for too long. */
  async run<Result>(hash: () => Promise<Result>): Promise<Result> {
    await this.turn();
    try {
      return await hash();
    } finally {
      this.running--;
      this.startNext();
    }
  }

  private turn(): Promise<void> {
    if (this.running < this.options.atOnce) {
      this.running++;
      return Promise.resolve();
    }
    if (this.waiting.length >= this.options.waiting) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      this.waiting.push({ since: Date.now(), start: (late) => (late ? reject(tooMany()) : resolve()) });
    });
  }

  private startNext(): void {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const late = Date.now() - next.since > this.options.longestWaitMs;
      if (!late) this.running++;
      next.start(late);
      if (!late) return;
    }
  }
}

const tooMany = () =>
  registryError('TOOMANYREQUESTS', undefined, {
    message: 'too many passwords are being checked',
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
