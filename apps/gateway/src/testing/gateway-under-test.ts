import { BytesBody, type ObjectBody } from '@berth/blob-store';
import { GRANT_READ, LIST_ACCESS_CHANGES } from '@berth/contracts';
import {
  type Broadcast,
  InProcessBroadcast,
  InProcessBus,
  InProcessEventStream,
  InProcessServer,
} from '@berth/messaging';
import type { ByteRange } from '@berth/oci';
import {
  createHttpApp,
  createLogger,
  HealthChecks,
  listen,
  loadSettings,
  Metrics,
  type ServiceHost,
  ServiceRootModule,
} from '@berth/platform';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { GatewayModule } from '../gateway.module.js';
import { BlobTransport } from '../transfer/blob-transport.js';
import { answering } from '@berth/platform/testing';

/** Takes every upload, and reads from what the test has put. */
export class TestTransport extends BlobTransport {
  readonly objects = new Map<string, Buffer>();
  readonly appended: { url: string; bytes: Buffer }[] = [];
  failure: Error | null = null;

  async append(url: string, body: AsyncIterable<Uint8Array>): Promise<{ offset: number }> {
    if (this.failure) throw this.failure;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    this.appended.push({ url, bytes });
    return { offset: bytes.length };
  }

  async read(url: string, range?: ByteRange): Promise<ObjectBody> {
    if (this.failure) throw this.failure;
    const bytes = this.objects.get(url)!;
    return new BytesBody(range ? bytes.subarray(range.start, range.end + 1) : bytes);
  }

  async close(): Promise<void> {}
}

/** The gateway on a real port, before services that are the test's: nobody answers what the test does not. */
export interface GatewayUnderTest {
  app: NestFastifyApplication;
  /** `http://127.0.0.1:port` */
  address: string;
  /** `127.0.0.1:port` */
  host: string;
  bus: InProcessBus;
  transport: TestTransport;
  stop(): Promise<void>;
}

export async function startGateway(
  env: Record<string, string> = {},
  broadcast: Broadcast = new InProcessBroadcast(),
): Promise<GatewayUnderTest> {
  const bus = new InProcessBus();
  const transport = new TestTransport();
  answering(bus, GRANT_READ, ({ objectKey }) => ({ url: objectKey, expiresIn: 60 }));
  answering(bus, LIST_ACCESS_CHANGES, () => ({ changes: [], complete: true, position: '1', now: Date.now() }));
  const host: ServiceHost = {
    settings: loadSettings(env),
    logger: createLogger('gateway', 'silent'),
    metrics: new Metrics('gateway'),
    health: new HealthChecks(),
    bus,
    events: new InProcessEventStream(),
    broadcast,
    database: null,
    transport: () => new InProcessServer(bus, 1_000),
  };
  const provider = { provide: BlobTransport, useValue: transport };
  const app = await createHttpApp(host, ServiceRootModule.of(host, GatewayModule.with(provider)));
  const address = await listen(app, 0, '127.0.0.1');
  return { app, address, host: new URL(address).host, bus, transport, stop: () => app.close() };
}
