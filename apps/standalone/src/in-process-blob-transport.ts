import type { AppendedV1 } from '@berth/contracts';
import type { ObjectBody } from '@berth/blob-store';
import { BlobTransport } from '@berth/gateway';
import type { ByteRange } from '@berth/oci';
import type { DataPlane } from '@berth/storage';

/** A grant resolves to a call: no socket lies between gateway and storage in one process. */
export class InProcessBlobTransport extends BlobTransport {
  constructor(private readonly dataPlane: DataPlane) {
    super();
  }

  append(url: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    return this.dataPlane.append(grantOf(url), body);
  }

  read(url: string, range?: ByteRange): Promise<ObjectBody> {
    return this.dataPlane.read(grantOf(url), range);
  }

  async close(): Promise<void> {}
}

const grantOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1);
