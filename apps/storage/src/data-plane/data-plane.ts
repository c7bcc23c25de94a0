import type { AppendedV1 } from '@berth/contracts';
import { BlobStore, type ByteRange, type ObjectBody } from '@berth/blob-store';
import { BytesInFlight, Metrics } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { asRegistryError } from '../object/store-faults.js';
import { ActiveAppends } from '../upload/active-appends.js';
import { AppendUpload } from '../upload/append-upload.js';
import { MeasuredBody } from './measured-body.js';
import { ReadGrants } from './read-grants.js';

/** Bytes in and out, for whoever holds a grant. The gateway calls it over HTTP, in standalone directly. */
@Injectable()
export class DataPlane {
  private readonly bytes: Counter<'direction'>;
  private readonly inFlight: BytesInFlight;

  constructor(
    private readonly appendUpload: AppendUpload,
    private readonly active: ActiveAppends,
    private readonly grants: ReadGrants,
    private readonly store: BlobStore,
    metrics: Metrics,
  ) {
    this.bytes = metrics.counter(
      'berth_blob_bytes_total',
      'Bytes of blobs that came `in`, and those that were asked for and went `out`',
      ['direction'],
    );
    this.inFlight = new BytesInFlight(
      metrics,
      'berth_blob_bytes_in_flight',
      'Size of the blobs that storage is taking (`in`; what has come so far) and giving (`out`)',
    );
  }

  /** Spends the grant of an append; gives the session's new offset. */
  async append(grant: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    let received = 0;
    const end = this.inFlight.begin('in', () => received);
    const count = (bytes: number) => {
      received += bytes;
      this.bytes.inc({ direction: 'in' }, bytes);
    };
    try {
      return await this.appendUpload.run(grant, counted(body, count));
    } catch (error) {
      throw asRegistryError(error);
    } finally {
      end();
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
      const length = range ? range.end - range.start + 1 : size;
      this.bytes.inc({ direction: 'out' }, length);
      return new MeasuredBody(
        body,
        this.inFlight.begin('out', () => length),
      );
    } catch (error) {
      throw asRegistryError(error);
    }
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    count(chunk.length);
    yield chunk;
  }
}
