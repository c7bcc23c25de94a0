import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** What a transport carries beside the message; HTTP's and NATS' headers both are one. */
export type TraceHeaders = Record<string, string | string[] | undefined>;

/** Without a provider (BERTH_OTLP_URL is not set) its spans record nothing. */
const tracer = () => trace.getTracer('berth');

/** The id of the trace in which the caller runs, 32 hexadecimal digits; undefined where it is in none that is recorded. */
export function currentTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** The headers by which another process goes on with the caller's trace (W3C Trace Context); none where it is in none. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** Runs `work` as a part of the caller's trace: what it asks of others is a part of this one. In no trace it is just run. */
export function inSpan<T>(name: string, kind: keyof typeof SpanKind, work: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()) return work();
  const span = tracer().startSpan(name, { kind: SpanKind[kind] });
  return context.with(trace.setSpan(context.active(), span), async () => {
    try {
      return await work();
    } catch (error) {
      noteFailure(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Begins what somebody asked of this process, as a part of the asker's trace, or of a new one where it has none and may begin one.
 * Null where it is not recorded: then nothing that is asked on its behalf is.
 */
export function beginAnswer(name: string, headers: TraceHeaders | undefined, mayBeginTrace: boolean): Answer | null {
  const asker = headers ? propagation.extract(ROOT_CONTEXT, headers) : context.active();
  if (!mayBeginTrace && !trace.getSpan(asker)) return null;
  const span = tracer().startSpan(name, { kind: SpanKind.SERVER }, asker);
  return span.isRecording() ? new Answer(span, asker) : null;
}

/** An answer that is being made: one span. */
export class Answer {
  private readonly context: Context;

  constructor(
    private readonly span: Span,
    asker: Context,
  ) {
    this.context = trace.setSpan(asker, span);
  }

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  /** Runs `work`, and all that it awaits, as a part of it. */
  run<T>(work: () => T): T {
    return context.with(this.context, work);
  }

  fail(error: unknown): void {
    noteFailure(this.span, error);
  }

  /** Says what it was, and with which status of HTTP it ended. */
  describe(name: string, attributes: Record<string, string | number>, status: number): void {
    this.span.updateName(name).setAttributes({ ...attributes, 'http.response.status_code': status });
    if (status >= 500) this.span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.span.end();
  }
}

/** What a client did wrong is no failure of ours. */
function noteFailure(span: Span, error: unknown): void {
  const known = error instanceof RegistryError || error instanceof SwrError ? error : undefined;
  span.setAttribute('error.type', known instanceof RegistryError ? known.code : (known?.error ?? 'UNKNOWN'));
  if (!known || known.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
}
