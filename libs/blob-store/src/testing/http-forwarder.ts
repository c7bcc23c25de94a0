import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

/** Stands between a client and a server: counts requests, answers faults, cuts connections. */
export interface Forwarder {
  endpoint: string;
  /** `METHOD /path?query` of every request so far. */
  requests: string[];
  /** Status codes to answer the next requests with, instead of forwarding them. */
  faults: number[];
  /** The next request that matches is forwarded, but its connection ends instead of the answer. */
  cutAnswerTo(pattern: RegExp): void;
  /** Whether that has happened. */
  readonly cut: boolean;
  cutAll(): void;
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export async function startForwarder(target: string): Promise<Forwarder> {
  const requests: string[] = [];
  const faults: number[] = [];
  let cutting: RegExp | null = null;

  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    requests.push(line);
    const fault = faults.shift();
    if (fault) return void refuse(incoming, outgoing, fault);
    const cut = cutting?.test(line) ?? false;
    if (cut) cutting = null;
    forward(target, incoming, outgoing, cut);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    cutAnswerTo: (pattern) => (cutting = pattern),
    get cut() {
      return cutting === null;
    },
    cutAll: () => server.closeAllConnections(),
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number): void {
  incoming.resume().once('end', () => outgoing.writeHead(status).end('<Error><Code>SlowDown</Code></Error>'));
}

function forward(target: string, incoming: IncomingMessage, outgoing: ServerResponse, cut: boolean): void {
  const { method, url, headers } = incoming;
  const onward = request(new URL(url ?? '/', target), { method, headers }, (answer) => {
    if (cut) return void answer.resume().once('end', () => outgoing.destroy());
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    pipeline(answer, outgoing, () => undefined);
  });
  pipeline(incoming, onward, () => undefined);
}
