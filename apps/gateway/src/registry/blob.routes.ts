import type { IncomingMessage } from 'node:http';
import { BytesBody, type ObjectBody } from '@berth/blob-store';
import { DELETE_BLOB, FIND_BLOB } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import {
  type ByteRange,
  type Digest,
  parseRange,
  registryError,
  SCHEMA1_EMPTY_LAYER,
  SCHEMA1_EMPTY_LAYER_DIGEST,
} from '@berth/oci';
import { sendBody } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BlobRedirects } from '../transfer/blob-redirects.js';
import { ClientTransfers } from '../transfer/client-transfers.js';
import { ObjectReader } from '../transfer/object-reader.js';
import { contentDigest, immutable, isNotModified, isRangeOf } from './content-headers.js';
import { header, type RegistryRequest } from './registry-request.js';

/** Blobs: end-2, end-10. */
@Injectable()
export class BlobRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly reader: ObjectReader,
    private readonly redirects: BlobRedirects,
    private readonly transfers: ClientTransfers,
  ) {}

  async head(request: RegistryRequest, digest: Digest): Promise<void> {
    const { size } = await this.bus.request(FIND_BLOB, { repository: request.name.repository, digest, lease: true });
    if (isNotModified(request, digest)) return void (await immutable(request.reply, digest).status(304).send());
    immutable(request.reply, digest).header('accept-ranges', 'bytes').type('application/octet-stream');
    await request.reply.status(200).header('content-length', size).send();
  }

  async get(request: RegistryRequest, digest: Digest): Promise<void> {
    const { reply } = request;
    const blob = await this.open(request, digest);
    if (isNotModified(request, digest)) return void (await immutable(reply, digest).status(304).send());
    const ranges = header(request, 'range');
    const isRangeOfAnother = ranges !== undefined && !isRangeOf(request, digest);
    const range = ranges === undefined || isRangeOfAnother ? null : parseRange(ranges, blob.size);
    if (range === 'unsatisfiable') throw unsatisfiable(blob.size, digest);
    // The store knows no digest, and might serve the range all the same.
    const url = isRangeOfAnother ? null : await blob.urlFor(request.raw);
    if (url !== null) return redirect(reply, digest, url);
    const body = await blob.read(range ?? undefined);
    // Not before there is something to send: nobody may keep a failure for a year.
    immutable(reply, digest).header('accept-ranges', 'bytes').type('application/octet-stream');
    if (range) reply.header('content-range', `bytes ${range.start}-${range.end}/${blob.size}`);
    const length = range ? range.end - range.start + 1 : blob.size;
    reply.header('content-length', length);
    await this.transfers.sending(length, () => sendBody(reply, range ? 206 : 200, body));
  }

  async delete(request: RegistryRequest, digest: Digest): Promise<void> {
    await this.bus.request(DELETE_BLOB, { repository: request.name.repository, digest });
    await request.reply.status(202).header('content-length', 0).send();
  }

  /**
   * The empty layer of schema 1 is in every repository: a manifest that was made here refers to it. Not so for a HEAD,
   * which would promise that a manifest may refer to it.
   */
  private async open({ name }: RegistryRequest, digest: Digest): Promise<ReadableBlob> {
    if (digest === SCHEMA1_EMPTY_LAYER_DIGEST) return EMPTY_LAYER;
    const blob = await this.bus.request(FIND_BLOB, { repository: name.repository, digest, lease: false });
    return {
      size: blob.size,
      urlFor: (client) => this.redirects.urlFor(client, blob),
      read: (range) => this.reader.read(blob, range),
    };
  }
}

/** The store answers the client's Range itself. The URL is nobody's to keep: it ends, and whoever has it may read. */
async function redirect(reply: FastifyReply, digest: Digest, url: string): Promise<void> {
  contentDigest(reply, digest).header('location', url).header('cache-control', 'no-store');
  await reply.status(307).header('content-length', 0).send();
}

interface ReadableBlob {
  size: number;
  /** Where the client is sent instead; null where it is served here. */
  urlFor(client: IncomingMessage): Promise<string | null>;
  read(range?: ByteRange): Promise<ObjectBody>;
}

const EMPTY_LAYER: ReadableBlob = {
  size: SCHEMA1_EMPTY_LAYER.length,
  urlFor: async () => null,
  read: async ({ start, end } = { start: 0, end: SCHEMA1_EMPTY_LAYER.length }) =>
    new BytesBody(SCHEMA1_EMPTY_LAYER.subarray(start, end + 1)),
};

const unsatisfiable = (size: number, digest: Digest) =>
  registryError(
    'SIZE_INVALID',
    { digest, size },
    {
      status: 416,
      message: 'the blob has no byte of that range',
      headers: { 'content-range': `bytes */${size}` },
    },
  );
