import type { ObjectBody } from './object-body.js';

/**
 * An object that is still being written. Plain JSON: the caller persists it between appends, so that any process can go
 * on with it. `size` counts the bytes that are durable; everything else belongs to the driver.
 */
export interface UnfinishedObject {
  key: string;
  size: number;
  /** Driver's own: multipart upload id, parts, the tail that is shorter than a part. */
  [driverState: string]: unknown;
}

export interface AppendOptions {
  /**
   * The caller knows that no byte follows: the driver may skip what only a later append would need, and refuse that with
   * ObjectEnded. A driver may ask before the body, behind it, or both.
   */
  last: boolean;
}

export interface AppendResult {
  object: UnfinishedObject;
  /** Keys that `object` no longer needs. The caller deletes them after it has persisted `object`, never before. */
  obsolete: string[];
  /**
   * Keys that this append wrote beside `object.key`. A caller that does not come to persist `object` deletes them; where
   * `object.key` is a new one, it aborts `object` instead.
   */
  created: string[];
}

/** Inclusive byte positions, already clipped to the object by the caller. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface ObjectStat {
  key: string;
  size: number;
  lastModified: Date;
}

/** What a store keeps of an object that was begun and is not listed yet. */
export interface HiddenUpload {
  key: string;
  startedAt: Date;
}

/**
 * Where bytes live: the one port of this library. Keys are opaque, chosen by the caller and never reused, so a driver
 * neither copies nor renames at completion. Missing objects throw ObjectNotFound; a store that cannot be reached or
 * answers with a fault throws StoreUnavailable with the cause. Bytes of an unfinished object that are gone or were replaced
 * by another writer throw UnfinishedObjectLost.
 *
 * Completeness is the caller's row, not a state of the store: an unfinished object may be visible under its key before
 * `complete`, because S3 cannot hide an object that one PUT has written.
 */
export abstract class BlobStore {
  /**
   * Makes the bytes of `body` durable behind those of `previous` (null: a new object) and resolves when they are.
   * `freshKey` has never been used: the driver takes it wherever it writes a whole object, so that two writers that
   * believe to own the same upload can never overwrite each other's bytes unnoticed.
   * A `body` that throws leaves `previous` valid: the same append can be repeated.
   */
  abstract append(
    previous: UnfinishedObject | null,
    freshKey: string,
    body: AsyncIterable<Uint8Array>,
    options: AppendOptions,
  ): Promise<AppendResult>;

  /** Makes the object readable under the returned key, whole and durable. Repeating it is harmless. */
  abstract complete(object: UnfinishedObject): Promise<{ key: string; obsolete: string[] }>;

  /** Removes every trace of an unfinished object, parts of lost multipart uploads under its key too. Idempotent. */
  abstract abort(object: UnfinishedObject): Promise<void>;

  /** The bytes of `range` (default: all), ready to flow. */
  abstract read(key: string, range?: ByteRange): Promise<ObjectBody>;

  /** Null where no object has this key. Whether one that is found is complete, the caller's row knows. */
  abstract stat(key: string): Promise<ObjectStat | null>;

  /** Idempotent: deleting what is not there succeeds. */
  abstract delete(key: string): Promise<void>;

  /**
   * All complete objects in key order, after `after` (exclusive), and what unfinished ones keep under keys of their own
   * (tails too): who looks for leaks compares with rows and age. What the store cannot read it may leave out: `stat` tells.
   * Pages lazily.
   */
  abstract list(prefix: string, after?: string): AsyncIterable<ObjectStat>;

  /**
   * Uploads under way that `list` does not show, in key order, after the key `after` (exclusive): S3's multipart uploads.
   * A driver that shows unfinished objects in its list has none. `abort` with their key removes them. Pages lazily.
   */
  abstract listHidden(prefix: string, after?: string): AsyncIterable<HiddenUpload>;

  /** A URL that reads the object without further credentials for `seconds`; null where the driver has none. */
  abstract presignRead(key: string, seconds: number): Promise<string | null>;

  /** Resolves when the store answers, throws StoreUnavailable when it does not. Creates what the store needs at first use. */
  abstract ready(): Promise<void>;
}

/** No complete object has this key. */
export class ObjectNotFound extends Error {
  constructor(readonly key: string) {
    super(`no object under key ${key}`);
  }
}

/** An unfinished object that cannot be continued or completed any more; the upload has to start anew. */
export class UnfinishedObjectLost extends Error {
  constructor(
    readonly key: string,
    reason: string,
    cause?: unknown,
  ) {
    super(`unfinished object ${key} is lost: ${reason}`, { cause });
  }
}

/** An append behind one that was the last: the object can be completed or aborted, and takes no more bytes. */
export class ObjectEnded extends Error {
  constructor(readonly key: string) {
    super(`object ${key} has its last byte`);
  }
}

/** The store could not be reached, or answered with a fault of its own; the same call may succeed later. */
export class StoreUnavailable extends Error {
  constructor(operation: string, cause: unknown) {
    super(`object store failed at ${operation}`, { cause });
  }
}
