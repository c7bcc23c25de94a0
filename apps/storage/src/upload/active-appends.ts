import { registryError } from '@berth/oci';

interface ActiveAppend {
  controller: AbortController;
  finished: Promise<unknown>;
}

/** Appends under way in this process, one for each session: the next one stops the one before and waits for its end. */
export class ActiveAppends {
  private readonly active = new Map<string, ActiveAppend>();

  async run<T>(sessionId: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const before = this.active.get(sessionId);
    const controller = new AbortController();
    before?.controller.abort();
    const result = (async () => {
      await before?.finished;
      return work(controller.signal);
    })();
    const mine = { controller, finished: result.catch(() => undefined) };
    this.active.set(sessionId, mine);
    try {
      return await result;
    } finally {
      if (this.active.get(sessionId) === mine) this.active.delete(sessionId);
    }
  }

  /** Stops all, as they are: what has arrived is kept, and UNAVAILABLE tells the sender to go on elsewhere. */
  stopAll(): void {
    for (const { controller } of this.active.values()) controller.abort(registryError('UNAVAILABLE'));
  }

  /** Stops the session's append, if there is one here, and resolves when it has let go of the object. */
  async stop(sessionId: string): Promise<void> {
    const append = this.active.get(sessionId);
    append?.controller.abort();
    await append?.finished;
  }
}
