import { createHash } from 'node:crypto';
import type { UnfinishedObject } from '../blob-store.js';

/** An unfinished object in S3: without `upload` it is one object under its key, put whole. */
export interface S3UnfinishedObject extends UnfinishedObject {
  upload?: MultipartUpload;
}

export interface MultipartUpload {
  id: string;
  /** ETag of part 1, 2, ...: all of `partSize(number)` bytes but the last one of an object that has ended. */
  etags: string[];
  /** Bytes behind the last part, under a key of their own until there are enough for a part. */
  tail?: { key: string; size: number; etag: string };
  /** The last part may be short: nothing can be appended. */
  ended?: true;
}

/** Where the tail that an append with `freshKey` leaves lies: found by the multipart's key even when its state is lost. */
export function tailKey(key: string, freshKey: string): string {
  return `${tailPrefix(key)}${freshKey.slice(freshKey.lastIndexOf('/') + 1)}`;
}

export function tailPrefix(key: string): string {
  return `${key}.tail.`;
}

/** The ETag that S3 gives an object made of parts with `etags`. */
export function multipartEtag(etags: string[]): string {
  const md5 = createHash('md5');
  for (const etag of etags) md5.update(etag, 'hex');
  return `${md5.digest('hex')}-${etags.length}`;
}
