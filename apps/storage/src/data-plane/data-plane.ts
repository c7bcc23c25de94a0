import type { AppendedV1 } from '@berth/contracts';
import { BlobStore, type ByteRange, type ObjectBody } from '@berth/blob-store';
import { Metrics } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { asRegistryError } from '../object/store-faults.js';
import { ActiveAppends } from '../upload/active-appends.js';
import { AppendUpload } from '../upload/append-upload.js';
import { ReadGrants } from './read-grants.js';

/** Bytes in and out, for whoever holds a grant. The gateway calls it over HTTP, in standalone directly. */
@Injectable()
export class DataPlane {
  constructor(
    private readonly appendUpload: AppendUpload,
    private readonly active: ActiveAppends,
    private readonly grants: ReadGrants,
    private readonly store: BlobStore,
    private readonly metrics: Metrics,
  ) {}

  /** Spends the grant of an append; gives the session's new offset. */
  async append(grant: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    try {
      return await this.appendUpload.run(grant, this.counted(body));
    } catch (error) {
      throw asRegistryError(error);
    }
  }

  /** Ends the appends that are under way: what has arrived is durable, and the upload goes on behind it elsewhere. */
  cutOff(): void {
    this.active.stopAll();
  }

  /** The bytes of `range`, which the caller has clipped to the object's size. */
  async read(grant: string, range?: ByteRange): Promise<ObjectBody> {
    const { objectKey, size } = this.grants.verify(grant);
    try {
      const body = await this.store.read(objectKey, range);
      this.metrics.blobBytes.inc({ direction: 'out' }, range ? range.end - range.start + 1 : size);
      return body;
    } catch (error) {
      throw asRegistryError(error);
    }
  }

  private async *counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.metrics.blobBytes.inc({ direction: 'in' }, chunk.length);
      yield chunk;
    }
  }
}
