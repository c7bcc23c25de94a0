import { randomBytes } from 'node:crypto';

import { anImage, eventually, requireOrSkip } from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';
import { type CollectedSpan, TraceCollector } from './trace-collector.js';

const mode = modeOfThisRun();
const reason = isForeignRegistry() ? 'E2E_REGISTRY sends its traces elsewhere' : reasonAgainst(mode);
const SENT_WITHIN = 30_000;

requireOrSkip(`traces of ${mode}`, reason)(`traces (${mode})`, () => {
  let collector: TraceCollector;
  let stack: Stack;
  const service = (name: string) => (mode === 'standalone' ? 'berth-standalone' : `berth-${name}`);

  beforeAll(async () => {
    collector = await TraceCollector.start();
    stack = await startStack(mode, { BERTH_OTLP_URL: collector.url });
  });
  afterAll(async () => {
    await stack?.stop();
    collector?.stop();
  });

  /** From the client's span down to a span: those above it, and itself. Empty where one of them is not there, or not yet. */
  function pathTo(traceId: string, clientSpan: string, of: string, name: string): CollectedSpan[] {
    const spans = collector.trace(traceId);
    let span = spans.find((each) => each.service === service(of) && each.name === name);
    const path: CollectedSpan[] = [];
    for (; span; span = spans.find(({ spanId }) => spanId === span!.parentSpanId)) path.unshift(span);
    return path[0]?.parentSpanId === clientSpan ? path : [];
  }

  /** A trace of a client's: what it sends, and what is collected of it. The services send what they have every few seconds. */
  function clientTrace(sampled = true) {
    const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const headers = { traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` };
    const collected = (of: string, name: string) =>
      eventually(
        () => {
          const path = pathTo(traceId, spanId, of, name);
          return path.length ? path : null;
        },
        { what: `"${name}" of ${of} is collected in the trace ${traceId}`, within: SENT_WITHIN },
      );
    return { traceId, headers, collected };
  }

  const namesOf = (path: CollectedSpan[]) => path.map((span) => `${span.service} ${span.name}`);

  it('one trace goes from the gateway through the bus to what answers, and to its database', async () => {
    const image = anImage();
    await stack.client().push('traces/app', image, 'v1');
    const { headers, collected } = clientTrace();
    const answer = await stack.client().getManifest('traces/app', 'v1', { headers });
    const requestId = answer.expect(200).header('x-request-id');
    const path = await collected('registry-v2', 'postgresql manifest-find-by-tag');
    expect(namesOf(path)).toEqual([
      `${service('gateway')} GET end-3`,
      `${service('gateway')} registry.manifest.get.v1`,
      `${service('registry-v2')} registry.manifest.get.v1`,
      `${service('registry-v2')} postgresql manifest-find-by-tag`,
    ]);
    expect(path[0]!.attributes).toMatchObject({
      'http.route': 'end-3',
      'http.response.status_code': 200,
      'url.path': '/v2/traces/app/manifests/v1',
      'berth.request_id': requestId,
    });
  });

  it('and over the data plane to storage, and to its object store', async () => {
    const [layer] = anImage({ layers: 1, layerSize: 100_000 }).layers;
    const { headers, collected, traceId } = clientTrace();
    const options = { headers, query: { digest: layer!.digest }, body: layer!.bytes };
    (await stack.client().postUpload('traces/blobs', options)).expect(201);
    const path = await collected('storage', 'object store append');
    const transfer =
      mode === 'standalone' ? [] : ['gateway', 'storage'].map((of) => `${service(of)} data plane append`);
    expect(namesOf(path)).toEqual([
      `${service('gateway')} POST end-4`,
      ...transfer,
      `${service('storage')} object store append`,
    ]);
    // The log lines of the request say so too.
    await eventually(() => stack.logTail(200).includes(`"traceId":"${traceId}"`), { what: 'the log has the trace' });
  });

  it('what a client does not want recorded is not recorded, and it is answered the same', async () => {
    const { headers, traceId } = clientTrace(false);
    (await stack.client().ping({ headers })).expect(200);
    const later = clientTrace();
    (await stack.client().ping({ headers: later.headers })).expect(200);
    await later.collected('gateway', 'GET end-1');
    expect(collector.trace(traceId)).toEqual([]);
  });

  it('a service of its own accord begins no trace', () => {
    const roots = collector.spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(roots.length).toBeGreaterThan(0);
    expect(roots.filter(({ attributes }) => attributes['http.route'] === undefined)).toEqual([]);
  });

  it('a collector that goes away is missed by nobody but the log', async () => {
    collector.stop();
    const image = anImage();
    await stack.client().push('traces/gone', image, 'v1');
    await stack.client().pullAndCompare('traces/gone', 'v1', image);
    await eventually(() => stack.logTail(400).includes('traces could not be sent'), {
      what: 'the log says it',
      within: SENT_WITHIN,
    });
  });
});
