import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands before a server of TCP, and spoils connections to it one by one. */
export interface TcpGate {
  readonly port: number;
  /** Cuts the connection that was opened last, and refuses new ones until `open`; the others stay. */
  closeBehindLast(): void;
  open(): void;
  /** The next connections get the server's greeting; what they say then is answered with one of these words each, and the end. */
  spoilNext(...answers: string[]): void;
  /** How many were spoiled. */
  readonly spoiled: number;
  /** Cuts all. */
  cut(): void;
  /** Cuts all, and leads those that come to another port. */
  leadTo(target: number): void;
  stop(): Promise<void>;
}

export async function startTcpGate(port: number): Promise<TcpGate> {
  const clients = new Set<Socket>();
  const answers: string[] = [];
  let target = port;
  let isOpen = true;
  let spoiled = 0;
  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (!isOpen) return void client.destroy();
    clients.add(client);
    client.once('close', () => clients.delete(client));
    const onward = connect(target, '127.0.0.1');
    onward.on('error', () => undefined);
    client.once('close', () => onward.destroy());
    onward.once('close', () => client.destroy());
    onward.pipe(client);
    const answer = answers.shift();
    if (answer === undefined) return void client.pipe(onward);
    client.once('data', () => {
      spoiled++;
      onward.unpipe(client);
      client.end(answer, () => client.destroy());
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => clients.forEach((client) => client.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    closeBehindLast: () => {
      isOpen = false;
      [...clients].at(-1)?.destroy();
    },
    open: () => void (isOpen = true),
    spoilNext: (...words) => void answers.push(...words),
    get spoiled() {
      return spoiled;
    },
    cut,
    leadTo: (other) => {
      target = other;
      cut();
    },
    stop: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
