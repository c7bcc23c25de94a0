import type { Broadcast, EventStream, MessageBus } from '@berth/messaging';
import type { Database } from '@berth/metadata';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { Logger } from 'pino';
import type { HealthChecks } from './health/health-checks.js';
import type { Metrics } from './metrics/metrics.js';
import type { Settings } from './settings/settings.js';

/** What a service stands on, and all that it knows of how it was started: distributed.ts or standalone makes one. */
export interface ServiceHost {
  settings: Settings;
  logger: Logger;
  metrics: Metrics;
  health: HealthChecks;
  bus: MessageBus;
  events: EventStream;
  broadcast: Broadcast;
  /** Null in the gateway, which keeps no state. */
  database: Database | null;
  /** The transport on which the service of this name answers. */
  transport(service: string): CustomTransportStrategy;
}
