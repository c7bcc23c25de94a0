import { connect, type NatsConnection } from '@nats-io/transport-node';

export interface NatsSettings {
  servers: string[];
  /** Shown by the server's monitoring. */
  name: string;
  user?: string | undefined;
  password?: string | undefined;
  /** Of the installation: it goes before every name, so that several on one NATS do not hear each other. */
  prefix?: string | undefined;
}

/** What the installation calls a subject, a queue group, a stream or a durable consumer. */
export const nameIn = ({ prefix = '' }: NatsSettings, name: string): string =>
  prefix === '' ? name : `${prefix}-${name}`;

const RECONNECT_WAIT_MS = 500;
/** For one attempt. The client notices a server that ends while it greets by this alone, and waits for 20 s by itself. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Options of every connection: it never gives up, neither at the first attempt nor after a loss, nor where it is refused twice. */
export const connectionOptions = (settings: NatsSettings) => ({
  servers: settings.servers,
  name: settings.name,
  ...(settings.user !== undefined && { user: settings.user, pass: settings.password ?? '' }),
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
  ignoreAuthErrorAbort: true,
  reconnectTimeWait: RECONNECT_WAIT_MS,
  timeout: CONNECT_TIMEOUT_MS,
  pingInterval: 10_000,
  maxPingOut: 2,
});

/** Connects once and lets go: fails with why none of the servers takes this login, and never with the login. */
export async function tryNats(settings: NatsSettings): Promise<void> {
  // In their order: of several servers the same one gives the reason each time.
  const once = { ...connectionOptions(settings), waitOnFirstConnect: false, noRandomize: true };
  const connection = await connect(once);
  await connection.close();
}

/** A connection that knows whether it is up: while it is not, questions fail at once instead of waiting in a buffer. */
export class NatsLink {
  private up = true;

  private constructor(
    readonly connection: NatsConnection,
    private readonly settings: NatsSettings,
  ) {
    void this.watch();
  }

  static async open(settings: NatsSettings): Promise<NatsLink> {
    return new NatsLink(await connect(connectionOptions(settings)), settings);
  }

  get isUp(): boolean {
    return this.up && !this.connection.isClosed();
  }

  /** What the installation calls a subject, a stream or a durable consumer. */
  nameOf(name: string): string {
    return nameIn(this.settings, name);
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') this.up = false;
      if (status.type === 'reconnect') this.up = true;
    }
    this.up = false;
  }
}
