import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { HealthController } from './health/health.controller.js';
import { HealthChecks } from './health/health-checks.js';
import { createHttpApp, listen } from './http-server.js';
import { Metrics } from './metrics/metrics.js';
import { MetricsController } from './metrics/metrics.controller.js';
import type { ServiceHost } from './service-host.js';
import { internalPortOf } from './settings/settings.js';

type WaitingHost = Pick<ServiceHost, 'settings' | 'logger' | 'metrics' | 'health'>;

const RETRY_MS = 500;

/**
 * Resolves when `attempt` does, and tries for ever. Meanwhile the internal port answers probes, with `dependency` down and
 * the reason, and the log has a line for each new reason.
 */
export async function waitAtStart(host: WaitingHost, dependency: string, attempt: () => Promise<void>): Promise<void> {
  let reason = await failureOf(attempt);
  if (reason === null) return;
  host.health.add(dependency, async () => {
    if (reason !== null) throw new Error(reason);
  });
  const probes = await openProbes(host);
  for (let said: string | null = null; reason !== null; reason = await failureOf(attempt)) {
    if (reason !== said) host.logger.warn({ dependency, reason }, 'the start waits');
    said = reason;
    await delay(RETRY_MS);
  }
  host.logger.info({ dependency }, 'the start goes on');
  host.health.add(dependency, attempt);
  await probes.close();
}

async function failureOf(attempt: () => Promise<void>): Promise<string | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    // No outage, but what can never be: a URL that is none.
    if (error instanceof TypeError) throw error;
    return reasonOf(error);
  }
}

/** What is at the bottom of it: an outage is told as UNAVAILABLE, and ECONNREFUSED of two addresses has no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause) return reasonOf(error.cause);
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}

/** What the internal port has, of a service that is not there yet. */
async function openProbes({ settings, logger, metrics, health }: WaitingHost) {
  const providers = [
    { provide: HealthChecks, useValue: health },
    { provide: Metrics, useValue: metrics },
  ];
  const module = { module: WaitingModule, providers, controllers: [HealthController, MetricsController] };
  const app = await createHttpApp({ settings, logger, health }, module);
  await listen(app, internalPortOf(settings), settings.internalHost);
  return app;
}

@Module({})
class WaitingModule {}
