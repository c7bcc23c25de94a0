import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { beginAnswer, currentTraceId, inSpan } from '@berth/messaging';
import { pino } from 'pino';
import { TraceExport } from './trace-export.js';

/** Trace ids are chosen by their value: this one always, and that one only where all are. */
const [LOW, HIGH] = ['0'.repeat(31) + '1', 'f'.repeat(8) + '0'.repeat(24)];
const sampled = (traceId: string) => ({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });

describe(TraceExport.name, () => {
  const bodies: string[] = [];
  let collector: Server;
  let traces: TraceExport | undefined;

  beforeEach(async () => {
    bodies.length = 0;
    collector = createServer((request, response) => {
      void text(request).then((body) => bodies.push(`${request.url} ${body}`) && response.end('{}'));
    });
    await new Promise<void>((listening) => collector.listen(0, '127.0.0.1', listening));
  });
  afterEach(async () => {
    await traces?.stop();
    collector.close();
  });

  const start = (ratio: number) => {
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`;
    traces = new TraceExport({ service: 'gateway', url, ratio, logger: pino({ level: 'silent' }) });
  };

  it('records the share that is set, and no more of the traces that clients bring along', () => {
    start(0.5);
    const idOf = (traceId: string) => beginAnswer('GET', sampled(traceId), true)?.traceId;
    expect([idOf(LOW), idOf(HIGH)]).toEqual([LOW, undefined]);
  });

  it('sends what is left when it stops, once, with the name of the service', async () => {
    start(1);
    const answer = beginAnswer('GET', sampled(HIGH), true)!;
    await answer.run(() => inSpan('asked', 'CLIENT', async () => expect(currentTraceId()).toBe(HIGH)));
    answer.end();
    await traces!.stop();
    traces = undefined;
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatch(/^\/v1\/traces /);
    for (const part of ['"berth-gateway"', '"asked"', HIGH]) expect(bodies[0]).toContain(part);
    expect(currentTraceId()).toBeUndefined();
  });

  it('waits no more than a few seconds for a collector that does not answer', async () => {
    start(1);
    collector.removeAllListeners('request');
    beginAnswer('GET', {}, true)!.end();
    await traces!.stop();
    collector.closeAllConnections();
    traces = undefined;
  });
});
