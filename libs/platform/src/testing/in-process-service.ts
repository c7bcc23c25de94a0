import { type EventStream, InProcessBus } from '@berth/messaging';
import type { Database } from '@berth/metadata';
import type { INestMicroservice, Type } from '@nestjs/common';
import { createInProcessHost, startInProcessService } from '../in-process.js';
import type { Metrics } from '../metrics/metrics.js';
import { loadSettings } from '../settings/load-settings.js';

export interface InProcessService {
  bus: InProcessBus;
  events: EventStream;
  database: Database;
  metrics: Metrics;
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
  const settings = loadSettings({ BERTH_DATABASE_URL: databaseUrl, BERTH_LOG_LEVEL: 'silent', ...env });
  const host = createInProcessHost(module.name, settings, bus);
  const { events, metrics } = host;
  const database = host.database!;
  try {
    const app = await startInProcessService(host, module.name, module);
    const stop = async () => {
      await app.close();
      await events.close();
      await database.close();
    };
    return { bus, events, database, metrics, app, stop };
  } catch (error) {
    await database.close();
    throw error;
  }
}
