import { AuthModule } from '@berth/auth';
import { GatewayModule } from '@berth/gateway';
import { GcWorkerModule } from '@berth/gc-worker';
import { ManageModule } from '@berth/manage';
import { InProcessBroadcast, InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import {
  createLogger,
  HealthChecks,
  loadSettings,
  MeasuredBus,
  Metrics,
  openDatabase,
  type ServiceHost,
  ServiceRootModule,
  showDependencies,
} from '@berth/platform';
import { RegistryModule } from '@berth/registry-v2';
import { StorageModule } from '@berth/storage';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const SERVICES: Record<string, Type | DynamicModule> = {
  gateway: GatewayModule.with(),
  'registry-v2': RegistryModule,
  manage: ManageModule,
  auth: AuthModule,
  storage: StorageModule,
  'gc-worker': GcWorkerModule,
};

export interface ExportedMetric {
  name: string;
  type: string;
  /** Without `service`, which all have. */
  labels: string[];
  help: string;
  /** In which services. */
  services: string[];
}

/**
 * What the six services tell Prometheus, by name. Their parts are made for it, as a process makes them, and nothing is
 * started: neither a database nor NATS is needed.
 */
export async function exportedMetrics(): Promise<ExportedMetric[]> {
  const metrics = new Map<string, ExportedMetric>();
  for (const [service, module] of Object.entries(SERVICES)) {
    for (const metric of await metricsOf(service, module)) {
      const known = metrics.get(metric.name) ?? { ...metric, services: [] };
      known.services.push(service);
      metrics.set(metric.name, known);
    }
  }
  return [...metrics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As prom-client has it; of `type` and `labelNames` its own type says nothing. */
type Registered = Omit<ExportedMetric, 'labels' | 'services'> & { labelNames: string[] };

async function metricsOf(service: string, module: Type | DynamicModule): Promise<Omit<ExportedMetric, 'services'>[]> {
  const host = aHost(service);
  try {
    await NestFactory.createMicroservice(ServiceRootModule.of(host, module), {
      strategy: host.transport(service),
      logger: false,
      abortOnError: false,
    });
    const registered = host.metrics.registry.getMetricsAsArray() as unknown as Registered[];
    return registered.map(({ name, type, help, labelNames }) => ({ name, type, help, labels: [...labelNames] }));
  } finally {
    await host.database?.close();
  }
}

function aHost(service: string): ServiceHost {
  const settings = loadSettings({
    BERTH_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    BERTH_BLOB_STORE: 'filesystem',
    BERTH_SECRET_KEY: 's'.repeat(32),
  });
  const bus = new InProcessBus();
  const metrics = new Metrics(service);
  const health = new HealthChecks();
  showDependencies(health, metrics);
  return {
    settings,
    logger: createLogger(service, 'silent'),
    metrics,
    health,
    bus: new MeasuredBus(bus, metrics),
    events: new InProcessEventStream(),
    broadcast: new InProcessBroadcast(),
    database: service === 'gateway' ? null : openDatabase(service, settings, metrics),
    transport: () => new InProcessServer(bus, 0),
  };
}
