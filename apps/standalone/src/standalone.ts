import { AuthModule } from '@berth/auth';
import { BlobTransport, GatewayModule } from '@berth/gateway';
import { GcWorkerModule } from '@berth/gc-worker';
import { ManageModule } from '@berth/manage';
import {
  createHttpApp,
  createInProcessHost,
  InternalEndpointsModule,
  internalPortOf,
  listen,
  type ServiceHost,
  ServiceRootModule,
  type Settings,
  startInProcessService,
  startTracing,
} from '@berth/platform';
import { RegistryModule } from '@berth/registry-v2';
import { DataPlane, StorageModule } from '@berth/storage';
import type { INestMicroservice, Type } from '@nestjs/common';
import { InProcessBlobTransport } from './in-process-blob-transport.js';

/** In the order in which they start; they stop in the reverse one. */
export const SERVICES: Record<string, Type> = {
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
  /** Ends the uploads under way, of which what has arrived is kept. */
  cutOff(): void;
}

/** The six services in this process, on an in-process bus. Composition only: what is decided here is who stands on what. */
export const startStandalone = (settings: Settings): Promise<Standalone> => startServices(settings, SERVICES);

/** Auth and the gateway alone, for accounts, users and keys: nothing collects, reaps or touches a blob. */
export const startIdentity = (settings: Settings): Promise<Standalone> => startServices(settings, { auth: AuthModule });

/** Those services, and the gateway before them. */
export async function startServices(settings: Settings, modules: Record<string, Type>): Promise<Standalone> {
  const host = createInProcessHost('standalone', settings);
  const stopTracing = await startTracing('standalone', settings, host.logger);
  const services = new Map<string, INestMicroservice>();
  for (const [name, module] of Object.entries(modules)) {
    services.set(name, await startInProcessService(host, name, module));
  }
  const dataPlane = services.get('storage')?.get(DataPlane);
  const transport = dataPlane && { provide: BlobTransport, useValue: new InProcessBlobTransport(dataPlane) };
  const gateway = await createHttpApp(host, ServiceRootModule.of(host, GatewayModule.with(transport)));
  const internal = await createHttpApp(host, ServiceRootModule.of(host, InternalEndpointsModule));
  const internalAddress = await listen(internal, internalPortOf(settings), settings.internalHost);
  const address = await listen(gateway, settings.port, settings.host);
  const stop = async () => {
    host.health.stop();
    await gateway.close();
    for (const service of [...services.values()].reverse()) await service.close();
    await internal.close();
    await host.events.close();
    await host.database?.close();
    await stopTracing();
  };
  return { host, address, internalAddress, stop, cutOff: () => dataPlane?.cutOff() };
}
