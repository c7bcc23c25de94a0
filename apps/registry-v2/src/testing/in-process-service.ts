import { InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import { Database } from '@berth/metadata';
import {
  createLogger,
  HealthChecks,
  loadSettings,
  Metrics,
  NestLogger,
  type ServiceHost,
  ServiceRootModule,
} from '@berth/platform';
import type { INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

export interface InProcessService {
  bus: InProcessBus;
  events: InProcessEventStream;
  database: Database;
  app: INestMicroservice;
  stop(): Promise<void>;
}

/** A process of one service on a database and, where several are needed, a bus of the test's, as standalone runs it. */
export async function startInProcess(
  module: Type,
  databaseUrl: string,
  env: Record<string, string> = {},
  bus = new InProcessBus(),
): Promise<InProcessService> {
  const settings = loadSettings({ BERTH_DATABASE_URL: databaseUrl, ...env });
  const database = new Database({ url: databaseUrl, poolSize: 10, applicationName: module.name });
  const events = new InProcessEventStream();
  const host: ServiceHost = {
    settings,
    logger: createLogger(module.name, 'silent'),
    metrics: new Metrics(module.name),
    health: new HealthChecks(),
    bus,
    events,
    database,
    transport: () => new InProcessServer(bus, 5_000),
  };
  const options = { strategy: host.transport(module.name), logger: new NestLogger(host.logger), abortOnError: false };
  try {
    const app = await NestFactory.createMicroservice(ServiceRootModule.of(host, module), options);
    await app.listen();
    const stop = async () => {
      await app.close();
      await events.close();
      await database.close();
    };
    return { bus, events, database, app, stop };
  } catch (error) {
    await database.close();
    throw error;
  }
}
