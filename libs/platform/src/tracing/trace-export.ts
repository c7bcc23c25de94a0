import { setTimeout as delay } from 'node:timers/promises';
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';

/** A collector that takes longer has lost the batch. */
const EXPORT_MS = 3_000;
/** What it has not taken by then is lost when the process ends. */
const LAST_EXPORT_MS = 3_000;

/**
 * The one provider of OpenTelemetry of a process. What waits to be sent is bounded (2,048 spans): the rest is dropped, and nobody
 * waits for a collector.
 */
export class TraceExport {
  private readonly provider: TracerProvider;

  constructor({ service, url, ratio, logger }: { service: string; url: string; ratio: number; logger: Logger }) {
    const warn = (message: string) => logger.warn({ reason: message }, 'traces could not be sent');
    const ignore = () => undefined;
    diag.setLogger(
      { error: warn, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
      { logLevel: DiagLogLevel.ERROR },
    );
    // By the trace's id, so that all services choose the same ones; a client that brings a trace along cannot have more recorded.
    const chosen = new TraceIdRatioBasedSampler(ratio);
    const exporter = new OTLPTraceExporter({ url: `${url.replace(/\/$/, '')}/v1/traces`, timeoutMillis: EXPORT_MS });
    this.provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': `berth-${service}` }),
      sampler: new ParentBasedSampler({ root: chosen, remoteParentSampled: chosen }),
      spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_MS })],
    });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(this.provider);
  }

  async stop(): Promise<void> {
    await Promise.race([this.provider.shutdown().catch(() => undefined), delay(LAST_EXPORT_MS)]);
    for (const part of [trace, context, propagation, diag]) part.disable();
  }
}
