import { connect } from 'node:net';
import type { Readable } from 'node:stream';

import { request } from 'undici';

export interface HttpRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  /** A function gives a stream, which is sent in chunks without a Content-Length. */
  body?: Buffer | string | (() => Readable);
}

/** One answer of an HTTP server, as it came over the wire: redirects not followed, nothing decoded. */
export class HttpAnswer {
  constructor(
    readonly request: string,
    readonly status: number,
    /** The headers, by name in lower case. */
    readonly fields: Record<string, string | string[] | undefined>,
    readonly bytes: Buffer,
  ) {}

  header(name: string): string | undefined {
    const value = this.fields[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  get text(): string {
    return this.bytes.toString();
  }

  json<T>(): T {
    return JSON.parse(this.text) as T;
  }

  /** The error codes of the spec's envelope; empty when the body is not one. */
  get codes(): string[] {
    try {
      return this.json<{ errors: { code: string }[] }>().errors.map(({ code }) => code);
    } catch {
      return [];
    }
  }

  /** This answer when it has one of these states; otherwise a failure that tells what the server said. */
  expect(...statuses: number[]): this {
    if (statuses.includes(this.status)) return this;
    throw new Error(`${this.request}: ${this.status} where ${statuses.join(' or ')} was expected\n${this.text}`);
  }
}

export async function exchange({ method, url, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const answer = await request(url, {
    method: method as 'GET',
    headers,
    body: typeof body === 'function' ? body() : body,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  return new HttpAnswer(`${method} ${url}`, answer.statusCode, answer.headers, bytes);
}

/**
 * Sends bytes as they are, also such as no HTTP client would send, and gives back what the server said until it closed
 * the connection (or fell silent for `silence` milliseconds).
 */
export function exchangeBytes(host: string, bytes: string | Buffer, silence = 2_000): Promise<string> {
  const [address, port] = host.split(':');
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect(Number(port), address, () => socket.write(bytes));
    const finish = () => {
      socket.destroy();
      resolve(Buffer.concat(received).toString());
    };
    socket.setTimeout(silence, finish);
    socket.on('data', (chunk) => received.push(chunk));
    socket.once('end', finish);
    socket.once('error', (error) => (received.length ? finish() : reject(error)));
  });
}
