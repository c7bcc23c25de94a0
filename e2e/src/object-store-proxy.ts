import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

import { eventually } from '@berth/testing';

/** Which requests are meant; `{}` is all, those about the bucket too, as readiness makes them. */
export interface StoreRequests {
  /** Default: any. */
  method?: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The object's key, or a part of it; default: any. */
  key?: string;
}

/** Requests that wait between Berth and the object store. */
export interface Held {
  /** Resolves with the keys when so many wait (default: one). */
  reached(count?: number): Promise<string[]>;
  /** Those that wait now. */
  keys(): string[];
  /**
   * They go on to the store, and those that follow are not held. One that has no body goes on even where its sender has died:
   * so does a request that a network has delayed.
   */
  release(): void;
}

/** Requests that are not answered by the store. */
export interface Refused {
  /** How often that was done. */
  readonly count: number;
  stop(): void;
}

interface Rule extends StoreRequests {
  act(incoming: IncomingMessage, outgoing: ServerResponse, key: string): void;
}

/** Stands between Berth and its object store, and does to requests what networks and stores do. */
export class ObjectStoreProxy {
  private readonly rules = new Set<Rule>();
  private readonly held = new Set<Held>();
  private readonly counted: { which: StoreRequests; add: () => void }[] = [];
  private readonly agent = new Agent({ keepAlive: true });
  private readonly server: Server;

  private constructor(private readonly target: string) {
    this.server = createServer((incoming, outgoing) => this.take(incoming, outgoing));
  }

  static async start(target: string): Promise<ObjectStoreProxy> {
    const proxy = new ObjectStoreProxy(target);
    await once(proxy.server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Such requests wait here until they are released. */
  hold(which: StoreRequests): Held {
    const held: { key: string; goOn: () => void }[] = [];
    const rule = this.add(which, (incoming, outgoing, key) => {
      held.push({ key, goOn: () => this.forward(incoming, outgoing) });
    });
    const keys = () => held.map(({ key }) => key);
    const all: Held = {
      keys,
      reached: (count = 1) =>
        eventually(() => (held.length >= count ? keys() : null), {
          what: `${count} ${which.method ?? 'requests'} wait at the object store`,
          within: 30_000,
        }),
      release: () => {
        this.rules.delete(rule);
        this.held.delete(all);
        for (const { goOn } of held.splice(0)) goOn();
      },
    };
    this.held.add(all);
    return all;
  }

  /** Such requests are answered with this status, and do not reach the store; `cut`: their connection ends. */
  refuse(which: StoreRequests, status: number | 'cut'): Refused {
    let count = 0;
    const rule = this.add(which, (incoming, outgoing) => {
      count++;
      if (status === 'cut') return void incoming.socket.destroy();
      incoming.resume().once('end', () => outgoing.writeHead(status).end(bodyOf(status)));
    });
    return {
      get count() {
        return count;
      },
      stop: () => void this.rules.delete(rule),
    };
  }

  /** Counts such requests from now on, whatever becomes of them. */
  count(which: StoreRequests): () => number {
    let count = 0;
    this.counted.push({ which, add: () => void count++ });
    return () => count;
  }

  /** Forgets what a test that failed has left here; what is held goes on. */
  clear(): void {
    for (const held of [...this.held]) held.release();
    this.rules.clear();
    this.counted.length = 0;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    this.agent.destroy();
  }

  private add(which: StoreRequests, act: Rule['act']): Rule {
    const rule = { ...which, act };
    this.rules.add(rule);
    return rule;
  }

  private take(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { pathname } = new URL(incoming.url ?? '/', this.target);
    const [, , ...parts] = decodeURIComponent(pathname).split('/');
    const key = parts.join('/');
    const isMeant = ({ method, key: part }: StoreRequests) => {
      if (key === '') return !method && !part;
      return (!method || method === incoming.method) && key.includes(part ?? '');
    };
    for (const { which, add } of this.counted) if (isMeant(which)) add();
    const rule = [...this.rules].find(isMeant);
    if (rule) rule.act(incoming, outgoing, key);
    else this.forward(incoming, outgoing);
  }

  /** As it came, with its Host: signatures are of that. */
  private forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method, url, headers } = incoming;
    const hasBody = method === 'PUT' || method === 'POST';
    const onward = request(new URL(url ?? '/', this.target), { method, headers, agent: this.agent }, (answer) => {
      if (outgoing.destroyed) return void answer.resume();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, outgoing, () => undefined);
    });
    onward.on('error', () => outgoing.destroy());
    if (hasBody) pipeline(incoming, onward, () => undefined);
    else onward.end();
  }
}

const CODES: Record<number, string> = { 404: 'NoSuchKey', 507: 'XMinioStorageFull' };

const bodyOf = (status: number): string =>
  `<?xml version="1.0"?><Error><Code>${CODES[status] ?? 'InternalError'}</Code><Message>by the test</Message></Error>`;
