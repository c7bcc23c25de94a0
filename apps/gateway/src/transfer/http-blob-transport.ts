import type { AppendedV1 } from '@berth/contracts';
import { Readable } from 'node:stream';
import { type ObjectBody, StreamBody } from '@berth/blob-store';
import { type ByteRange, RegistryError, registryError } from '@berth/oci';
import { currentRequestId, inSpan, REQUEST_ID, traceHeaders } from '@berth/messaging';
import { Agent, type Dispatcher, errors, request } from 'undici';
import { BlobTransport } from './blob-transport.js';
import { StorageGone } from './storage-gone.js';

const CONNECTIONS_PER_STORAGE = 256;
const CONNECT_TIMEOUT_MS = 3_000;
const STALLED_MS = 120_000;
const READ_ANSWER_MS = 30_000;

/** The data plane of storage over HTTP. */
export class HttpBlobTransport extends BlobTransport {
  private readonly agent = new Agent({
    connections: CONNECTIONS_PER_STORAGE,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    bodyTimeout: STALLED_MS,
    // The answer to an append comes when its last byte is durable: how long that takes, the client decides.
    headersTimeout: 0,
  });

  /** `readAnswerMs`: a storage process that answers a read no sooner is as good as gone. */
  constructor(private readonly readAnswerMs = READ_ANSWER_MS) {
    super();
  }

  append(url: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    return inSpan('data plane append', 'CLIENT', () => this.post(url, body));
  }

  read(url: string, range?: ByteRange): Promise<ObjectBody> {
    return inSpan('data plane read', 'CLIENT', () => this.get(url, range));
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  private async post(url: string, body: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    let begun = false;
    const watched: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => {
        begun = true;
        return body[Symbol.asyncIterator]();
      },
    };
    try {
      const response = await this.call(url, { method: 'POST', body: watched as Readable });
      return (await response.body.json()) as AppendedV1;
    } catch (error) {
      throw begun && error instanceof StorageGone ? registryError('UNAVAILABLE', undefined, { cause: error }) : error;
    }
  }

  private async get(url: string, range?: ByteRange): Promise<ObjectBody> {
    const headers: Record<string, string> = range ? { range: `bytes=${range.start}-${range.end}` } : {};
    const response = await this.call(url, { method: 'GET', headers, headersTimeout: this.readAnswerMs });
    return new StreamBody(response.body);
  }

  private async call(
    url: string,
    options: { method: 'GET' | 'POST'; body?: Readable; headers?: Record<string, string>; headersTimeout?: number },
  ) {
    const requestId = currentRequestId();
    const headers = {
      ...options.headers,
      ...traceHeaders(),
      ...(requestId !== undefined && { [REQUEST_ID]: requestId }),
    };
    const response = await request(url, { ...options, headers, dispatcher: this.agent }).catch((cause: unknown) => {
      // Silent is not gone: who asks the next one waits for as long again.
      const isSilent = cause instanceof errors.HeadersTimeoutError;
      throw isSilent ? registryError('UNAVAILABLE', undefined, { cause }) : new StorageGone(cause);
    });
    if (response.statusCode >= 400) throw await storageError(response);
    return response;
  }
}

async function storageError(response: Dispatcher.ResponseData): Promise<RegistryError> {
  const body: unknown = await response.body.json().catch(() => null);
  return (
    RegistryError.fromWire(body) ??
    registryError('UNAVAILABLE', undefined, { cause: `storage answered ${response.statusCode}` })
  );
}
