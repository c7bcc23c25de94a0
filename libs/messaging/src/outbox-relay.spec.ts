import { EventStream } from './event-stream.js';
import { type Outbox, OutboxRelay } from './outbox-relay.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

interface StoredEvent {
  id: string;
  subject: string;
  payload: object;
}

class MemoryOutbox implements Outbox {
  readonly events: StoredEvent[] = [];
  readonly batches: number[] = [];
  failure: Error | null = null;
  /** Removing waits for it. */
  gate: Promise<void> = Promise.resolve();
  private written = 0;

  write(count = 1): void {
    for (let n = 0; n < count; n++) {
      const number = ++this.written;
      this.events.push({ id: `event-${number}`, subject: 'test.happened.v1', payload: { number } });
    }
  }

  async pending(limit: number): Promise<StoredEvent[]> {
    if (this.failure) throw this.failure;
    const batch = this.events.slice(0, limit);
    this.batches.push(batch.length);
    return batch;
  }

  async remove(ids: string[]): Promise<void> {
    await this.gate;
    for (const id of ids) {
      const at = this.events.findIndex((event) => event.id === id);
      if (at >= 0) this.events.splice(at, 1);
    }
  }
}

class MemoryStream extends EventStream {
  readonly published: string[] = [];
  failure: Error | null = null;
  /** Publishing waits for it. */
  gate: Promise<void> = Promise.resolve();

  async publish(_subject: string, id: string): Promise<void> {
    await this.gate;
    if (this.failure) throw this.failure;
    this.published.push(id);
  }

  async consume(): Promise<void> {}
  async ready(): Promise<void> {}
  async close(): Promise<void> {}
}

describe(OutboxRelay.name, () => {
  let outbox: MemoryOutbox;
  let stream: MemoryStream;
  let failures: unknown[];
  let relay: OutboxRelay;

  beforeEach(() => {
    jest.useFakeTimers();
    outbox = new MemoryOutbox();
    stream = new MemoryStream();
    failures = [];
    relay = new OutboxRelay(outbox, stream, (error) => failures.push(error));
  });
  afterEach(async () => {
    await relay.close();
    jest.useRealTimers();
  });

  const passes = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds);
  const nothingWaits = () => expect(outbox.events).toEqual([]);

  it('publishes at its start what an earlier process left, and removes it', async () => {
    outbox.write(2);
    relay.start();
    await passes(1);
    expect(stream.published).toEqual(['event-1', 'event-2']);
    nothingWaits();
  });

  it('publishes soon after a nudge', async () => {
    relay.start();
    await passes(1);
    outbox.write();
    relay.nudge();
    await passes(50);
    expect(stream.published).toEqual(['event-1']);
  });

  it('gathers the nudges of one moment into one look', async () => {
    relay.start();
    await passes(1);
    const before = outbox.batches.length;
    outbox.write(3);
    for (let n = 0; n < 100; n++) relay.nudge();
    await passes(50);
    expect(outbox.batches.slice(before)).toEqual([3]);
  });

  it('finds events without a nudge within seconds', async () => {
    relay.start();
    await passes(1);
    outbox.write();
    await passes(10 * SECOND);
    expect(stream.published).toEqual(['event-1']);
  });

  it('looks again and again, not only once', async () => {
    relay.start();
    for (let round = 1; round <= 5; round++) {
      outbox.write();
      await passes(10 * SECOND);
      expect(stream.published).toHaveLength(round);
    }
  });

  it('publishes everything that waits, in batches', async () => {
    outbox.write(250);
    relay.start();
    await passes(1);
    expect(stream.published).toHaveLength(250);
    expect(outbox.batches).toEqual([100, 100, 50]);
    nothingWaits();
  });

  it('finds an event that is written while it publishes', async () => {
    let open = () => {};
    stream.gate = new Promise((resolve) => (open = resolve));
    outbox.write();
    relay.start();
    await passes(1);
    outbox.write();
    relay.nudge();
    await passes(100);
    open();
    await passes(100);
    expect(stream.published).toEqual(['event-1', 'event-2']);
  });

  it('keeps what it could not publish, says why, and tries again by itself', async () => {
    outbox.write(2);
    stream.failure = new Error('no stream');
    relay.start();
    await passes(1);
    expect(failures).toEqual([stream.failure]);
    expect(outbox.events).toHaveLength(2);
    stream.failure = null;
    await passes(10 * SECOND);
    expect(stream.published).toEqual(['event-1', 'event-2']);
    nothingWaits();
  });

  it('tries again after the outbox could not be read', async () => {
    outbox.write();
    outbox.failure = new Error('no database');
    relay.start();
    await passes(MINUTE);
    expect(failures.length).toBeGreaterThan(1);
    outbox.failure = null;
    await passes(10 * SECOND);
    nothingWaits();
  });

  it('does not ask in a loop while publishing fails', async () => {
    outbox.write();
    stream.failure = new Error('no stream');
    relay.start();
    await passes(MINUTE);
    expect(failures.length).toBeLessThanOrEqual(60);
  });

  describe('close', () => {
    it('waits for what is being published, and removes that', async () => {
      let open = () => {};
      stream.gate = new Promise((resolve) => (open = resolve));
      outbox.write();
      relay.start();
      await passes(1);
      let closed = false;
      const closing = relay.close().then(() => (closed = true));
      await passes(MINUTE);
      expect(closed).toBe(false);
      open();
      await closing;
      expect(stream.published).toEqual(['event-1']);
      nothingWaits();
    });

    it('waits for the removal of what was published, so that the next process need not publish it again', async () => {
      let open = () => {};
      outbox.gate = new Promise((resolve) => (open = resolve));
      outbox.write();
      relay.start();
      await passes(1);
      expect(stream.published).toEqual(['event-1']);
      let closed = false;
      const closing = relay.close().then(() => (closed = true));
      await passes(MINUTE);
      expect(closed).toBe(false);
      open();
      await closing;
      nothingWaits();
    });

    it('begins no further batch', async () => {
      let open = () => {};
      stream.gate = new Promise((resolve) => (open = resolve));
      outbox.write(250);
      relay.start();
      await passes(1);
      const closing = relay.close();
      open();
      await closing;
      expect(stream.published).toHaveLength(100);
      expect(outbox.events).toHaveLength(150);
    });

    it('does nothing afterwards, whoever nudges', async () => {
      relay.start();
      await passes(1);
      await relay.close();
      outbox.write();
      relay.nudge();
      relay.start();
      await passes(MINUTE);
      expect(stream.published).toEqual([]);
      expect(jest.getTimerCount()).toBe(0);
    });
  });
});
