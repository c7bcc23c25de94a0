import { Database } from '@berth/metadata';
import type { Metrics } from './metrics/metrics.js';
import type { Settings } from './settings/settings.js';

/** A database whose pool the process's metrics show. */
export function openDatabase(applicationName: string, settings: Settings, metrics: Metrics): Database {
  const database = new Database({ url: settings.databaseUrl!, poolSize: settings.databasePool, applicationName });
  metrics.gauge('berth_database_connections', 'Open database connections', () => database.poolUse().total);
  metrics.gauge(
    'berth_database_waiting',
    'Callers that wait for a database connection',
    () => database.poolUse().waiting,
  );
  return database;
}
