import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

const FULL = '<Error><Code>XMinioStorageFull</Code><Message>no space left</Message></Error>';

/** Stands before an object store, and is as full or as slow as the test wants that to be. */
export interface TroubledStore {
  endpoint: string;
  /** Whether it takes no more bytes, as MinIO says it: 507. What is there can be read. */
  isFull: boolean;
  /** From now on nothing is answered, until `goOn`. */
  hold(): void;
  goOn(): void;
  /** Requests that wait for an answer. */
  readonly held: number;
  stop(): void;
}

export async function startTroubledStore(store: string): Promise<TroubledStore> {
  let holding = false;
  const held: (() => void)[] = [];
  const server = createServer((incoming, outgoing) => {
    if (troubled.isFull && (incoming.method === 'PUT' || incoming.method === 'POST')) {
      incoming.resume().once('end', () => outgoing.writeHead(507).end(FULL));
    } else if (holding) {
      held.push(() => forward(store, incoming, outgoing));
    } else {
      forward(store, incoming, outgoing);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const troubled: TroubledStore = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isFull: false,
    hold: () => (holding = true),
    goOn: () => {
      holding = false;
      for (const goOn of held.splice(0)) goOn();
    },
    get held() {
      return held.length;
    },
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return troubled;
}

function forward(store: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming;
  const onward = request(new URL(url ?? '/', store), { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    pipeline(answer, outgoing, () => undefined);
  });
  onward.once('error', () => outgoing.destroy());
  pipeline(incoming, onward, () => undefined);
}
