import type { Logger } from 'pino';
import type { Settings } from '../settings/settings.js';

/**
 * Sends the traces of this process to BERTH_OTLP_URL, by OTLP over HTTP with JSON; without that setting it does nothing. Gives
 * what sends the rest and ends it.
 */
export async function startTracing(service: string, settings: Settings, logger: Logger): Promise<() => Promise<void>> {
  const { otlpUrl, tracePercent } = settings;
  if (otlpUrl === undefined) return async () => undefined;
  // Loaded by whom it serves alone: it is larger than all else that a service loads.
  const { TraceExport } = await import('./trace-export.js');
  const traces = new TraceExport({ service, url: otlpUrl, ratio: tracePercent / 100, logger });
  return () => traces.stop();
}
