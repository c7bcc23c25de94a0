import { BytesBody, type ObjectBody } from '@berth/blob-store';
import { type FoundBlobV1, GRANT_READ } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type ByteRange, RegistryError, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { BlobTransport } from './blob-transport.js';
import { withAnotherGrant } from './storage-gone.js';

const GRANTS_REMEMBERED = 50_000;
/** A grant is used again for this part of its life: the transfer that begins last still ends within it. */
const USABLE = 0.5;
/** Configs and their like: read by every pull, and cheaper to keep than to fetch. */
const SMALL = 64 * 1024;
const CACHED_BYTES = 16 * 1024 * 1024;

/**
 * Reads objects by grant. What lies under a key never changes, so a grant serves every reader of it for a while, and small
 * objects are kept. Whether a repository has the blob is not decided here: that was asked before.
 */
@Injectable()
export class ObjectReader {
  private readonly grants = new LRUCache<string, { url: string; until: number }>({ max: GRANTS_REMEMBERED });
  private readonly small = new LRUCache<string, Buffer>({
    maxSize: CACHED_BYTES,
    sizeCalculation: (bytes) => bytes.length + 1,
  });

  constructor(
    private readonly bus: MessageBus,
    private readonly transport: BlobTransport,
  ) {}

  async read(blob: FoundBlobV1, range?: ByteRange): Promise<ObjectBody> {
    if (blob.size > SMALL) return this.readByGrant(blob, range);
    const bytes = await this.readWhole(blob);
    return new BytesBody(range ? bytes.subarray(range.start, range.end + 1) : bytes);
  }

  /** The bytes of a blob in memory, all of them or UNAVAILABLE. How large a blob may be is the caller's matter. */
  async readWhole(blob: FoundBlobV1): Promise<Buffer> {
    const known = this.small.get(blob.objectKey);
    if (known) return known;
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.readByGrant(blob)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    // Kept, they would be served for ever.
    if (bytes.length !== blob.size) throw registryError('UNAVAILABLE', undefined, { cause: 'the object came short' });
    if (blob.size <= SMALL) this.small.set(blob.objectKey, bytes);
    return bytes;
  }

  private async readByGrant({ objectKey, size }: FoundBlobV1, range?: ByteRange): Promise<ObjectBody> {
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
    return withAnotherGrant(async () => {
      const { url, expiresIn } = await this.bus.request(GRANT_READ, { objectKey, size });
      const body = await this.transport.read(url, range);
      this.grants.set(objectKey, { url, until: Date.now() + expiresIn * 1000 * USABLE });
      return body;
    });
  }
}
