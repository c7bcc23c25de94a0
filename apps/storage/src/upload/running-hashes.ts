import { createHash, type Hash } from 'node:crypto';
import type { UploadProgress, UploadSessionRow } from '@berth/metadata';
import { LRUCache } from 'lru-cache';

const SESSIONS_REMEMBERED = 4_096;

interface RunningHash {
  offset: number;
  hash: Hash;
}

/**
 * Hashes of uploads that go on in a later request. A hash cannot be stored, so it is remembered here; the digest of the
 * bytes so far is in the session's row, and a remembered hash is only taken on where it agrees with that. A replica
 * that has none lets the object be read back at the end.
 */
export class RunningHashes {
  private readonly remembered = new LRUCache<string, RunningHash>({ max: SESSIONS_REMEMBERED });

  /** The hash over the session's bytes so far; null where this process does not know it. */
  continue(session: UploadSessionRow): Hash | null {
    const { id, offset, algorithm } = session;
    if (offset === 0) return createHash(algorithm);
    const running = this.remembered.get(id);
    this.remembered.delete(id);
    if (!running || running.offset !== offset || digestSoFar(running.hash) !== session[algorithm]) return null;
    return running.hash;
  }

  remember(sessionId: string, offset: number, hash: Hash): void {
    this.remembered.set(sessionId, { offset, hash });
  }

  forget(sessionId: string): void {
    this.remembered.delete(sessionId);
  }
}

const digestSoFar = (hash: Hash): string => hash.copy().digest('hex');

/** The digests that a row keeps of the bytes so far. */
export function digestsSoFar(
  algorithm: UploadSessionRow['algorithm'],
  hash: Hash | null,
): Pick<UploadProgress, 'sha256' | 'sha512'> {
  const digest = hash ? digestSoFar(hash) : null;
  return { sha256: algorithm === 'sha256' ? digest : null, sha512: algorithm === 'sha512' ? digest : null };
}
