import { currentRequest, inSpan } from '@berth/messaging';
import { type ChangeOrigin, Database, type DatabaseOptions } from '@berth/metadata';
import type { Metrics } from './metrics/metrics.js';
import type { Settings } from './settings/settings.js';

/** A database whose pool the process's metrics show. */
export function openDatabase(applicationName: string, settings: Settings, metrics: Metrics): Database {
  const { databaseUrl, databasePool: poolSize } = settings;
  const database = new Database({ url: databaseUrl!, poolSize, applicationName, origin, traced });
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

const traced: DatabaseOptions['traced'] = (statement, work) => inSpan(`postgresql ${statement}`, 'CLIENT', work);

/** Who asked for what is done at the moment; null for a service's own work. */
function origin(): ChangeOrigin | null {
  const request = currentRequest();
  return request ? { requestId: request.requestId, ...request.origin } : null;
}
