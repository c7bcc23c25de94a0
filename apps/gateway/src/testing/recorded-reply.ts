import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { parseRepositoryName } from '@berth/oci';
import type { FastifyReply } from 'fastify';
import { ANYBODY, type Caller } from '../auth/caller.js';
import type { RegistryRequest } from '../registry/registry-request.js';

/** What a handler answered. */
export class RecordedReply {
  statusCode = 200;
  readonly headers: Record<string, unknown> = {};
  body: unknown = undefined;
  sent = false;

  status(code: number): this {
    this.statusCode = code;
    return this;
  }

  header(name: string, value: unknown): this {
    this.headers[name] = value;
    return this;
  }

  type(value: string): this {
    return this.header('content-type', value);
  }

  async send(body?: unknown): Promise<void> {
    this.sent = true;
    this.body = body;
  }
}

export interface RequestOptions {
  method?: string;
  name?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Buffer;
  caller?: Caller;
}

/** A request as the controller hands it to a handler, and the reply that records the answer. */
export function aRequest(options: RequestOptions = {}): { request: RegistryRequest; reply: RecordedReply } {
  const { method = 'GET', name = 'a/b', query = {}, headers = {}, body, caller = ANYBODY } = options;
  const bytes = Readable.from(body === undefined ? [] : [Buffer.from(body)]);
  const raw = Object.assign(bytes, { method, headers, socket: { bytesRead: 0 } });
  const reply = new RecordedReply();
  const request: RegistryRequest = {
    name: { spelled: name, repository: parseRepositoryName(name) },
    caller,
    query: new URLSearchParams(query),
    raw: raw as unknown as IncomingMessage,
    reply: reply as unknown as FastifyReply,
  };
  return { request, reply };
}
