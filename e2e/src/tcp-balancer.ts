import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Target {
  port: number;
  /** Where its readiness is asked for. */
  readyz: string;
}

const PROBE_EVERY_MS = 100;
/** Endpoints lag behind the pods that they stand for. */
const LAG_MS = 500;

/**
 * What a Service of Kubernetes does: new connections go in turn to the targets that are ready, and one that stops is
 * left out only a moment after it has said so. A connection stays with its target, and what a target refuses is refused.
 */
export class TcpBalancer {
  /** By target: since when it is not ready any more; null while it is ready. */
  private readonly targets = new Map<Target, number | null>();
  private readonly sockets = new Set<Socket>();
  private next = 0;
  private stopped = false;

  private constructor(private readonly server: Server) {
    server.on('connection', (client) => this.balance(client));
  }

  static async start(): Promise<TcpBalancer> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpBalancer(server);
  }

  /** `127.0.0.1:port` */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Takes a target in when it is ready. */
  async add(target: Target): Promise<void> {
    while (!(await isReady(target))) await delay(PROBE_EVERY_MS);
    this.targets.set(target, null);
    void this.watch(target);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async watch(target: Target): Promise<void> {
    while (!this.stopped) {
      await delay(PROBE_EVERY_MS);
      if (await isReady(target)) {
        this.targets.set(target, null);
        continue;
      }
      const since = this.targets.get(target) ?? Date.now();
      this.targets.set(target, since);
      if (Date.now() - since > LAG_MS) return void this.targets.delete(target);
    }
  }

  private balance(client: Socket): void {
    const targets = [...this.targets.keys()];
    const target = targets[this.next++ % targets.length];
    if (!target) return void client.resetAndDestroy();
    const server = connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroySoon();
      });
      socket.pipe(other);
    }
  }
}

async function isReady({ readyz }: Target): Promise<boolean> {
  try {
    const response = await fetch(readyz);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
