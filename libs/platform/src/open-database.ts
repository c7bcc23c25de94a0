import { Database } from '@berth/metadata';
import type { Metrics } from './metrics/metrics.js';
import type { Settings } from './settings/settings.js';

/** A database whose pool the process's metrics show. */
export function openDatabase(applicationName: string, settings: Settings, metrics: Metrics): Database {
  const database = new Database({ url: settings.databaseUrl!, poolSize: settings.databasePool, applicationName });
  metrics.gauge('berth_database_connections', 'Open database connections', () => database.poolUse().total);
  metrics.gauge('berth_database_connections_used', 'Database connections that are at work', () => {
    const { total, idle } = database.poolUse();
    return total - idle;
  });
  metrics.gauge(
    'berth_database_connections_limit',
    'Database connections that the process may open',
    () => settings.databasePool,
  );
  metrics.gauge(
    'berth_database_waiting',
    'Callers that wait for a database connection',
    () => database.poolUse().waiting,
  );
  return database;
}
