import { ObjectNotFound, StoreUnavailable, UnfinishedObjectLost } from '../blob-store.js';
import { isSystemError } from '../stream-faults.js';

/** Runs a call of the file system; its faults come as the port's: ObjectNotFound or StoreUnavailable with the cause. */
export async function fileCall<T>(operation: string, key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fileFault(operation, key, error);
  }
}

/** As `fileCall`, for the file of an unfinished object: it was durable, so where it is gone the object is lost. */
export async function unfinishedFileCall<T>(operation: string, key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await fileCall(operation, key, call);
  } catch (error) {
    throw error instanceof ObjectNotFound ? new UnfinishedObjectLost(key, 'its file is gone', error) : error;
  }
}

export function fileFault(operation: string, key: string, error: unknown): unknown {
  if (isMissing(error)) return new ObjectNotFound(key);
  return isSystemError(error) ? new StoreUnavailable(operation, error) : error;
}

/** A folder in the middle of the path may be missing, or be an object itself. */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
