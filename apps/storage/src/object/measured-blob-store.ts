import {
  type AppendOptions,
  type AppendResult,
  BlobStore,
  type ByteRange,
  type HiddenUpload,
  type ObjectBody,
  ObjectEnded,
  ObjectNotFound,
  type ObjectStat,
  StoreUnavailable,
  type UnfinishedObject,
  UnfinishedObjectLost,
} from '@berth/blob-store';
import { inSpan } from '@berth/messaging';
import { type Metrics } from '@berth/platform';
import type { Histogram } from 'prom-client';

/** A store whose operations are counted, timed and traced. The time is the store's own: what it waits for its caller is left out. */
export class MeasuredBlobStore extends BlobStore {
  private readonly durations: Histogram<'operation' | 'outcome'>;

  constructor(
    private readonly store: BlobStore,
    metrics: Metrics,
  ) {
    super();
    this.durations = metrics.durations(
      'berth_object_store_operation_duration_seconds',
      'Operations of the object store, or of the folder that stands for it, without the time it waits for bytes of a sender; ' +
        '`outcome` is `ok`, `missing`, `lost`, `ended`, `unavailable` (its own fault), `other` (the sender went away)',
      ['operation', 'outcome'],
    );
  }

  append(
    previous: UnfinishedObject | null,
    freshKey: string,
    body: AsyncIterable<Uint8Array>,
    options: AppendOptions,
  ): Promise<AppendResult> {
    return this.timed('append', (clock) => this.store.append(previous, freshKey, clock.without(body), options));
  }

  complete(object: UnfinishedObject): Promise<{ key: string; obsolete: string[] }> {
    return this.timed('complete', () => this.store.complete(object));
  }

  abort(object: UnfinishedObject): Promise<void> {
    return this.timed('abort', () => this.store.abort(object));
  }

  /** Until the first byte is there. */
  read(key: string, range?: ByteRange): Promise<ObjectBody> {
    return this.timed('read', () => this.store.read(key, range));
  }

  stat(key: string): Promise<ObjectStat | null> {
    return this.timed('stat', () => this.store.stat(key));
  }

  delete(key: string): Promise<void> {
    return this.timed('delete', () => this.store.delete(key));
  }

  list(prefix: string, after?: string): AsyncIterable<ObjectStat> {
    return this.timedPages('list', this.store.list(prefix, after));
  }

  listHidden(prefix: string, after?: string): AsyncIterable<HiddenUpload> {
    return this.timedPages('list-hidden', this.store.listHidden(prefix, after));
  }

  presignRead(key: string, seconds: number): Promise<string | null> {
    return this.store.presignRead(key, seconds);
  }

  ready(): Promise<void> {
    return this.timed('ready', () => this.store.ready());
  }

  private async timed<T>(operation: string, run: (clock: Clock) => Promise<T>): Promise<T> {
    const clock = new Clock();
    let outcome = 'ok';
    try {
      return await inSpan(`object store ${operation}`, 'CLIENT', () => run(clock));
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      this.durations.observe({ operation, outcome }, clock.seconds());
    }
  }

  /** Whoever reads a list takes its time: only the waits for the next entry count. */
  private async *timedPages<T>(operation: string, entries: AsyncIterable<T>): AsyncGenerator<T> {
    const clock = new Clock();
    let outcome = 'ok';
    try {
      for await (const entry of entries) {
        const resume = clock.pause();
        try {
          yield entry;
        } finally {
          resume();
        }
      }
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      this.durations.observe({ operation, outcome }, clock.seconds());
    }
  }
}

/** Runs from its making, except where it is stopped. */
class Clock {
  private readonly began = performance.now();
  private paused = 0;

  seconds(): number {
    return (performance.now() - this.began - this.paused) / 1000;
  }

  pause(): () => void {
    const since = performance.now();
    return () => (this.paused += performance.now() - since);
  }

  /** The body, for which the clock does not run while it waits for it. */
  async *without(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let resume = this.pause();
    for await (const chunk of body) {
      resume();
      yield chunk;
      resume = this.pause();
    }
    resume();
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof ObjectNotFound) return 'missing';
  if (error instanceof UnfinishedObjectLost) return 'lost';
  if (error instanceof ObjectEnded) return 'ended';
  return error instanceof StoreUnavailable ? 'unavailable' : 'other';
}
