import { Readable } from 'node:stream';

import type { Blob } from '../images/blob.js';
import type { HttpAnswer } from './http-exchange.js';
import type { CallOptions, RegistryClient } from './registry-client.js';

/** POST with the bytes; POST then PUT with the bytes; PATCHes with Content-Range; one PATCH of unknown length. */
export type PushForm = 'single-post' | 'post-put' | 'chunked' | 'stream';

const OCTETS = { 'content-type': 'application/octet-stream' };

/** An upload in progress. Follows the Location that each answer gives. */
export class UploadSession {
  constructor(
    private readonly client: RegistryClient,
    private readonly name: string,
    /** As the registry gave it: a path or a whole URL. */
    public location: string,
  ) {}

  /** Appends bytes that begin at `offset`. */
  patch(bytes: Buffer, offset: number, options: CallOptions = {}): Promise<HttpAnswer> {
    const range = `${offset}-${offset + bytes.length - 1}`;
    return this.request('PATCH', { body: bytes, headers: { ...OCTETS, 'content-range': range, ...options.headers } });
  }

  /** Appends without saying where or how much. */
  stream(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<HttpAnswer> {
    return this.request('PATCH', { body: () => Readable.from(chunks), headers: OCTETS });
  }

  /** The PUT that commits; with bytes it appends them first. */
  finish(digest: string | undefined, bytes?: Buffer, options: CallOptions = {}): Promise<HttpAnswer> {
    const query: CallOptions['query'] = digest === undefined ? {} : { digest };
    const headers = { ...(bytes ? OCTETS : { 'content-length': '0' }), ...options.headers };
    return this.request('PUT', { ...options, query: { ...query, ...options.query }, body: bytes, headers });
  }

  status(): Promise<HttpAnswer> {
    return this.request('GET');
  }

  cancel(): Promise<HttpAnswer> {
    // Cancelling is part of pushing: no right to delete is needed.
    return this.request('DELETE');
  }

  /** Brings a whole blob over and commits it. */
  async send(blob: Blob, form: Exclude<PushForm, 'single-post'>, chunkSize: number): Promise<void> {
    if (form === 'post-put') {
      (await this.finish(blob.digest, blob.bytes)).expect(201);
      return;
    }
    const chunks: Buffer[] = [];
    for (let at = 0; at < blob.size; at += chunkSize) chunks.push(blob.bytes.subarray(at, at + chunkSize));
    if (form === 'stream') {
      (await this.stream(chunks)).expect(202);
    } else {
      let offset = 0;
      for (const chunk of chunks) {
        (await this.patch(chunk, offset)).expect(202);
        offset += chunk.length;
      }
    }
    (await this.finish(blob.digest)).expect(201);
  }

  private async request(method: string, options: CallOptions = {}): Promise<HttpAnswer> {
    const scopes = [`repository:${this.name}:pull,push`];
    const answer = await this.client.call(method, this.location, scopes, options);
    this.location = answer.header('location') && answer.status !== 201 ? answer.header('location')! : this.location;
    return answer;
  }
}
