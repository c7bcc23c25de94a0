import { InProcessBroadcast, InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import type { INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthChecks } from './health/health-checks.js';
import { createLogger, NestLogger } from './logging/logger.js';
import { showDependencies } from './metrics/dependencies.js';
import { MeasuredBus } from './metrics/measured-bus.js';
import { Metrics } from './metrics/metrics.js';
import { openDatabase } from './open-database.js';
import { ServiceRootModule } from './platform.module.js';
import type { ServiceHost } from './service-host.js';
import type { Settings } from './settings/settings.js';

/** The host of services that share a process: one bus without a wire, one database, one log. */
export function createInProcessHost(name: string, settings: Settings, bus = new InProcessBus()): ServiceHost {
  const metrics = new Metrics(name);
  const health = new HealthChecks();
  showDependencies(health, metrics);
  const database = openDatabase(`berth ${name}`, settings, metrics);
  health.add('database', () => database.ready());
  return {
    settings,
    logger: createLogger(name, settings.logLevel),
    metrics,
    health,
    bus: new MeasuredBus(bus, metrics),
    events: new InProcessEventStream(),
    broadcast: new InProcessBroadcast(),
    database,
    transport: () => new InProcessServer(bus, settings.shutdownSeconds * 1000),
  };
}

/** One service on such a host, answering on its bus. */
export async function startInProcessService(host: ServiceHost, name: string, module: Type): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice(ServiceRootModule.of(host, module), {
    strategy: host.transport(name),
    logger: new NestLogger(host.logger),
    abortOnError: false,
  });
  await app.listen();
  return app;
}
