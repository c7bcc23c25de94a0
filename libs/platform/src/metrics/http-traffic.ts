import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Counter } from 'prom-client';
import type { Metrics } from './metrics.js';

interface Counted {
  in: number;
  out: number;
}

/** Counts what the connections of a server carry. It is read off the sockets when Prometheus asks: no byte costs anything. */
export class HttpTraffic {
  private readonly open = new Map<Socket, Counted>();
  private readonly bytes: Counter<'direction'>;

  constructor(metrics: Metrics, name: string, help: string) {
    this.bytes = metrics.counter(name, help, ['direction'], () => {
      for (const socket of this.open.keys()) this.count(socket);
    });
  }

  /** To be called before the server listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.open.set(socket, { in: 0, out: 0 });
      socket.once('close', () => {
        this.count(socket);
        this.open.delete(socket);
      });
    });
  }

  private count(socket: Socket): void {
    const before = this.open.get(socket)!;
    const now = { in: socket.bytesRead, out: socket.bytesWritten };
    this.bytes.inc({ direction: 'in' }, now.in - before.in);
    this.bytes.inc({ direction: 'out' }, now.out - before.out);
    this.open.set(socket, now);
  }
}
