import { BlobStore, ObjectNotFound, StoreUnavailable } from '@berth/blob-store';
import type { HashedObjectV1, HashObjectV1 } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { Injectable, Logger } from '@nestjs/common';
import { createSHA256, createSHA512, type IHasher } from 'hash-wasm';
import { freshObjectKey } from './object-key.js';

const AT_ONCE = 2;

/**
 * Hashes objects piece by piece. What was hashed so far goes out with the answer and comes back with the next question, so
 * that any process goes on, after any pause; node:crypto cannot store that, hash-wasm can.
 */
@Injectable()
export class ObjectHasher {
  private readonly logger = new Logger(ObjectHasher.name);
  private running = 0;

  constructor(private readonly store: BlobStore) {}

  async hash(question: HashObjectV1): Promise<HashedObjectV1> {
    if (this.running >= AT_ONCE) throw registryError('UNAVAILABLE', undefined, { cause: 'enough objects are hashed' });
    this.running++;
    try {
      return await this.hashPiece(question);
    } finally {
      this.running--;
    }
  }

  private async hashPiece({ objectKey, algorithm, size, ...piece }: HashObjectV1): Promise<HashedObjectV1> {
    const hasher = algorithm === 'sha256' ? await createSHA256() : await createSHA512();
    if (!begin(hasher, piece.state)) return { restart: true };
    const found = await this.store.stat(objectKey);
    if (found?.size !== size) return { found: found ? 'size' : 'missing' };
    const end = Math.min(piece.offset + piece.length, size);
    const trouble = end > piece.offset ? await this.read(objectKey, piece.offset, end, hasher) : null;
    if (trouble) return { found: trouble };
    return end === size ? { hex: hasher.digest('hex') } : { state: Buffer.from(hasher.save()).toString('base64') };
  }

  /** Null where every byte was read. Whether a fault is of the object or of the store, a key says that was never used. */
  private async read(
    objectKey: string,
    start: number,
    end: number,
    hasher: IHasher,
  ): Promise<'missing' | 'unreadable' | null> {
    try {
      for await (const chunk of await this.store.read(objectKey, { start, end: end - 1 })) hasher.update(chunk);
      return null;
    } catch (error) {
      if (error instanceof ObjectNotFound) return 'missing';
      if (!(error instanceof StoreUnavailable)) throw error;
      await this.store.stat(freshObjectKey());
      this.logger.warn({ msg: 'the object store fails at the bytes of an object', objectKey, start, err: error });
      return 'unreadable';
    }
  }
}

/** False where the state is not one of this version. */
function begin(hasher: IHasher, state: string | undefined): boolean {
  hasher.init();
  if (state === undefined) return true;
  try {
    hasher.load(Buffer.from(state, 'base64'));
    return true;
  } catch {
    return false;
  }
}
