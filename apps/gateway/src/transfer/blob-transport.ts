import type { AppendedV1 } from '@berth/contracts';
import type { ObjectBody } from '@berth/blob-store';
import type { ByteRange } from '@berth/oci';

/** Moves bytes between a client and whoever gave a grant: over HTTP, or in standalone by a call. */
export abstract class BlobTransport {
  /**
   * Spends the grant of an append; gives the session's new offset. Throws what storage answered, or UNAVAILABLE; as
   * StorageGone where `body` was not begun.
   */
  abstract append(url: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1>;

  /**
   * The granted bytes, or those of `range`. Throws what storage answered, or UNAVAILABLE, before the first byte; as
   * StorageGone where nothing was answered.
   */
  abstract read(url: string, range?: ByteRange): Promise<ObjectBody>;

  abstract close(): Promise<void>;
}
