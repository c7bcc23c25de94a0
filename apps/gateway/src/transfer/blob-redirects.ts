import type { IncomingMessage } from 'node:http';
import { type FoundBlobV1, PRESIGN_READ } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

const URLS_REMEMBERED = 10_000;
/** A URL is given out again for this part of its life: whoever gets it last still has the rest of it. */
const USABLE = 0.5;

/**
 * Which pulls the object store serves itself: of blobs that are large enough, to clients that are not excepted, where the
 * operator allows it and the store has URLs.
 */
@Injectable()
export class BlobRedirects {
  private readonly urls = new LRUCache<string, { url: string | null; until: number }>({ max: URLS_REMEMBERED });
  private readonly excepted: string[];

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
  ) {
    this.excepted = (settings.redirectExcept ?? []).map((beginning) => beginning.toLowerCase());
  }

  /** The URL of the blob; null where the gateway is to serve it. Whether the client may have it was asked before. */
  async urlFor(request: IncomingMessage, { objectKey, size }: FoundBlobV1): Promise<string | null> {
    if (!this.settings.redirect || size < this.settings.redirectMinBytes || this.isExcepted(request)) return null;
    const remembered = this.urls.get(objectKey);
    if (remembered && remembered.until > Date.now()) return remembered.url;
    const { url, expiresIn } = await this.bus.request(PRESIGN_READ, { objectKey });
    this.urls.set(objectKey, { url, until: Date.now() + expiresIn * 1000 * USABLE });
    return url;
  }

  private isExcepted(request: IncomingMessage): boolean {
    const client = (request.headers['user-agent'] ?? '').toLowerCase();
    return this.excepted.some((beginning) => client.startsWith(beginning));
  }
}
