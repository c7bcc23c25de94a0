import { defineRequest } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { registryError } from '@berth/oci';
import { MeasuredBus } from './measured-bus.js';
import { Metrics } from './metrics.js';

class AskV1 {}
const ASK = defineRequest<AskV1, string>('test.ask.v1', AskV1);

describe(Metrics.name, () => {
  it('says of every figure which service it is of', async () => {
    const metrics = new Metrics('storage');
    metrics.counter('berth_test_total', 'A test', ['direction']).inc({ direction: 'in' }, 5);
    expect(await metrics.registry.metrics()).toContain('berth_test_total{direction="in",service="storage"} 5');
  });

  it('lets two services live in one process', () => {
    expect(() => [new Metrics('gateway'), new Metrics('storage')]).not.toThrow();
  });

  it('has one metric of a name, whoever asks for it', async () => {
    const metrics = new Metrics('storage');
    metrics.counter('berth_test_total', 'A test').inc();
    metrics.counter('berth_test_total', 'A test').inc();
    metrics.level('berth_test', 'A test').inc();
    metrics.level('berth_test', 'A test').inc();
    metrics.durations('berth_test_seconds', 'A test').observe(1);
    metrics.durations('berth_test_seconds', 'A test').observe(1);
    const text = await metrics.registry.metrics();
    expect(text).toContain('berth_test_total{service="storage"} 2');
    expect(text).toContain('berth_test{service="storage"} 2');
    expect(text).toContain('berth_test_seconds_count{service="storage"} 2');
  });

  describe('gauges', () => {
    it('have a figure for each value that is read, and none that was', async () => {
      const metrics = new Metrics('storage');
      let figures: Record<string, number> = { bus: 1, database: 0 };
      metrics.gauges('berth_test', 'A test', 'dependency', async () => figures);
      const text = await metrics.registry.metrics();
      expect(text).toContain('berth_test{dependency="bus",service="storage"} 1');
      expect(text).toContain('berth_test{dependency="database",service="storage"} 0');
      figures = { bus: 0 };
      const later = await metrics.registry.metrics();
      expect(later).toContain('berth_test{dependency="bus",service="storage"} 0');
      expect(later).not.toContain('database');
    });

    it('that cannot be read are left out of that answer', async () => {
      const metrics = new Metrics('storage');
      metrics.gauges('berth_test', 'A test', 'dependency', () => Promise.reject(new Error('no')));
      expect(await metrics.registry.metrics()).not.toMatch(/^berth_test/m);
    });
  });

  describe('gauge', () => {
    it('is read each time it is asked for', async () => {
      const metrics = new Metrics('storage');
      let value = 1;
      metrics.gauge('berth_test', 'A test', () => value);
      metrics.gauge('berth_later', 'Another', () => Promise.resolve(7));
      expect(await metrics.registry.metrics()).toContain('berth_test{service="storage"} 1');
      value = 2;
      const text = await metrics.registry.metrics();
      expect(text).toContain('berth_test{service="storage"} 2');
      expect(text).toContain('berth_later{service="storage"} 7');
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('no');
        },
      ],
      ['rejects', () => Promise.reject<number>(new Error('no'))],
    ])(
      'that %s is left out of that answer, and the others are there',
      async (_how, fail: () => number | Promise<number>) => {
        const metrics = new Metrics('storage');
        let broken = false;
        metrics.gauge('berth_broken', 'A test', () => (broken ? fail() : 1));
        metrics.gauge('berth_sound', 'A test', () => 2);
        expect(await metrics.registry.metrics()).toContain('berth_broken{service="storage"} 1');
        broken = true;
        const text = await metrics.registry.metrics();
        expect(text).not.toMatch(/^berth_broken/m);
        expect(text).toContain('berth_sound{service="storage"} 2');
        broken = false;
        expect(await metrics.registry.metrics()).toContain('berth_broken{service="storage"} 1');
      },
    );
  });
});

describe(MeasuredBus.name, () => {
  class Bus extends MessageBus {
    closed = false;
    constructor(private readonly answer: () => Promise<unknown>) {
      super();
    }
    async request<_Request extends object, Reply>(): Promise<Reply> {
      return (await this.answer()) as Reply;
    }
    ready(): Promise<void> {
      return Promise.reject(new Error('not ready'));
    }
    async close(): Promise<void> {
      this.closed = true;
    }
  }

  const outcomeOf = async (answer: () => Promise<unknown>) => {
    const metrics = new Metrics('gateway');
    const result = await new MeasuredBus(new Bus(answer), metrics).request(ASK, {}).catch((error: unknown) => error);
    const count = /berth_bus_request_duration_seconds_count\{(.*)\} 1/.exec(await metrics.registry.metrics());
    return { result, labels: count?.[1] };
  };

  it('shows what waits for its answer', async () => {
    const metrics = new Metrics('gateway');
    let answer!: () => void;
    const bus = new MeasuredBus(new Bus(() => new Promise<void>((resolve) => (answer = resolve))), metrics);
    const asked = bus.request(ASK, {});
    expect(await metrics.registry.metrics()).toContain('berth_bus_requests_in_flight{service="gateway"} 1');
    answer();
    await asked;
    expect(await metrics.registry.metrics()).toContain('berth_bus_requests_in_flight{service="gateway"} 0');
  });

  it('gives the answer, and counts it', async () => {
    const { result, labels } = await outcomeOf(() => Promise.resolve('hello'));
    expect(result).toBe('hello');
    expect(labels).toContain('subject="test.ask.v1",outcome="ok"');
  });

  it.each([
    [registryError('BLOB_UNKNOWN'), 'BLOB_UNKNOWN'],
    [new Error('broken'), 'UNKNOWN'],
  ])('throws the error as it is, and counts it by its code', async (error, outcome) => {
    const { result, labels } = await outcomeOf(() => Promise.reject(error));
    expect(result).toBe(error);
    expect(labels).toContain(`outcome="${outcome}"`);
  });

  it('is ready, and closed, with its bus', async () => {
    const bus = new Bus(() => Promise.resolve());
    const measured = new MeasuredBus(bus, new Metrics('gateway'));
    await expect(measured.ready()).rejects.toThrow('not ready');
    await measured.close();
    expect(bus.closed).toBe(true);
  });
});
