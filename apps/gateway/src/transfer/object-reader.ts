import type { Readable } from 'node:stream';
import { type FoundBlobV1, GRANT_READ } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type ByteRange, RegistryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { BlobTransport } from './blob-transport.js';

const GRANTS_REMEMBERED = 50_000;
/** A grant is used again for this part of its life: the transfer that begins last still ends within it. */
const USABLE = 0.5;

/** Reads objects by grant. What lies under a key never changes, so a grant serves every reader of it for a while. */
@Injectable()
export class ObjectReader {
  private readonly grants = new LRUCache<string, { url: string; until: number }>({ max: GRANTS_REMEMBERED });

  constructor(
    private readonly bus: MessageBus,
    private readonly transport: BlobTransport,
  ) {}

  async read({ objectKey, size }: FoundBlobV1, range?: ByteRange): Promise<Buffer | Readable> {
    const remembered = this.grants.get(objectKey);
    if (remembered && remembered.until > Date.now()) {
      try {
        return await this.transport.read(remembered.url, range);
      } catch (error) {
        // Its storage process is gone or new: another one gives a grant.
        if (!(error instanceof RegistryError)) throw error;
        this.grants.delete(objectKey);
      }
    }
    const { url, expiresIn } = await this.bus.request(GRANT_READ, { objectKey, size });
    this.grants.set(objectKey, { url, until: Date.now() + expiresIn * 1000 * USABLE });
    return this.transport.read(url, range);
  }
}
