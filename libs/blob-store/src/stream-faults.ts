import type { Readable } from 'node:stream';
import { StoreUnavailable } from './blob-store.js';

/**
 * Lets faults of the store that happen while `stream` is read come out as StoreUnavailable. An error that the consumer
 * itself destroys the stream with passes unchanged, unless it carries a system error code too.
 */
export function withStoreFaults<S extends Readable>(stream: S, operation: string): S {
  const destroy = stream._destroy.bind(stream);
  stream._destroy = (error, done) =>
    destroy(error, (fault) => done(isSystemError(fault) ? new StoreUnavailable(operation, fault) : fault));
  return stream;
}

/** ENOSPC, EIO, ECONNRESET and their like; not ERR_*, which is Node's own word for misuse. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return typeof code === 'string' && /^E(?!RR_)[A-Z0-9]+$/.test(code);
}
