import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span, as a collector of OpenTelemetry gets it. */
export interface CollectedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Record<string, string | number | undefined>;
}

/** OTLP 1.x, in JSON: ExportTraceServiceRequest. */
interface ExportRequest {
  resourceSpans: { resource: Attributed; scopeSpans: { spans: (Omit<CollectedSpan, 'service'> & Attributed)[] }[] }[];
}
interface Attributed {
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}

/** Takes what is sent to a collector of OpenTelemetry. */
export class TraceCollector {
  readonly spans: CollectedSpan[] = [];
  private readonly server = createServer((request, response) => {
    void json(request).then((body) => {
      this.take(body as ExportRequest);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });

  static async start(): Promise<TraceCollector> {
    const collector = new TraceCollector();
    await once(collector.server.listen(0, '127.0.0.1'), 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  trace(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private take({ resourceSpans }: ExportRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = String(attributesOf(resource)['service.name']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({ ...span, service, attributes: attributesOf(span) });
      }
    }
  }
}

const attributesOf = ({ attributes }: Attributed): CollectedSpan['attributes'] =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
