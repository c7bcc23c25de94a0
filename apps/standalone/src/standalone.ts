import { AuthModule } from '@berth/auth';
import { BlobTransport, GatewayModule } from '@berth/gateway';
import { GcWorkerModule } from '@berth/gc-worker';
import { ManageModule } from '@berth/manage';
import { InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import {
  createHttpApp,
  createLogger,
  HealthChecks,
  InternalEndpointsModule,
  internalPortOf,
  listen,
  MeasuredBus,
  Metrics,
  NestLogger,
  openDatabase,
  type ServiceHost,
  ServiceRootModule,
  type Settings,
} from '@berth/platform';
import { RegistryModule } from '@berth/registry-v2';
import { DataPlane, StorageModule } from '@berth/storage';
import type { INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InProcessBlobTransport } from './in-process-blob-transport.js';

/** In the order in which they start; they stop in the reverse one. */
const SERVICES: Record<string, Type> = {
  storage: StorageModule,
  manage: ManageModule,
  auth: AuthModule,
  'registry-v2': RegistryModule,
  'gc-worker': GcWorkerModule,
};

export interface Standalone {
  host: ServiceHost;
  address: string;
  internalAddress: string;
  stop(): Promise<void>;
}

/** The six services in this process, on an in-process bus. Composition only: what is decided here is who stands on what. */
export async function startStandalone(settings: Settings): Promise<Standalone> {
  const bus = new InProcessBus();
  const host = createHost(settings, bus);
  const services: INestMicroservice[] = [];
  for (const [name, module] of Object.entries(SERVICES)) services.push(await startService(host, name, module));
  const dataPlane = services[0]!.get(DataPlane);
  const transport = { provide: BlobTransport, useValue: new InProcessBlobTransport(dataPlane) };
  const gateway = await createHttpApp(host, ServiceRootModule.of(host, GatewayModule.with(transport)));
  const internal = await createHttpApp(host, ServiceRootModule.of(host, InternalEndpointsModule));
  const internalAddress = await listen(internal, internalPortOf(settings), settings.internalHost);
  const address = await listen(gateway, settings.port, settings.host);
  const stop = async () => {
    host.health.stop();
    await gateway.close();
    for (const service of services.reverse()) await service.close();
    await internal.close();
    await host.events.close();
    await host.database?.close();
  };
  return { host, address, internalAddress, stop };
}

function createHost(settings: Settings, bus: InProcessBus): ServiceHost {
  const metrics = new Metrics('standalone');
  const health = new HealthChecks();
  const database = openDatabase('berth', settings, metrics);
  health.add('database', () => database.ready());
  return {
    settings,
    logger: createLogger('standalone', settings.logLevel),
    metrics,
    health,
    bus: new MeasuredBus(bus, metrics),
    events: new InProcessEventStream(),
    database,
    transport: () => new InProcessServer(bus, settings.shutdownSeconds * 1000),
  };
}

async function startService(host: ServiceHost, name: string, module: Type): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice(ServiceRootModule.of(host, module), {
    strategy: host.transport(name),
    logger: new NestLogger(host.logger),
    abortOnError: false,
  });
  await app.listen();
  return app;
}
