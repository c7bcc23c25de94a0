import { HealthChecks } from './health-checks.js';

const SECOND = 1_000;

describe(HealthChecks.name, () => {
  let health: HealthChecks;
  let asked: number;

  beforeEach(() => {
    jest.useFakeTimers();
    health = new HealthChecks();
    asked = 0;
  });
  afterEach(() => jest.useRealTimers());

  const up = async () => void asked++;

  it('is ready where nothing is needed', async () => {
    expect(await health.readiness()).toEqual({ status: 'ready', checks: {} });
  });

  it('is ready when everything is up, and names each', async () => {
    health.add('database', up);
    health.add('bus', up);
    expect(await health.readiness()).toEqual({
      status: 'ready',
      checks: { database: { status: 'up' }, bus: { status: 'up' } },
    });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('no route to host'))],
    [
      'throws',
      () => {
        throw new Error('no route to host');
      },
    ],
  ])('is not ready when a check %s, and says which one and why', async (_how, check) => {
    health.add('bus', up);
    health.add('database', check);
    expect(await health.readiness()).toEqual({
      status: 'not ready',
      checks: { bus: { status: 'up' }, database: { status: 'down', reason: 'no route to host' } },
    });
  });

  it('does not wait for a check that does not answer', async () => {
    health.add('database', () => new Promise(() => undefined));
    const readiness = health.readiness();
    await jest.advanceTimersByTimeAsync(2 * SECOND);
    expect(await readiness).toMatchObject({
      status: 'not ready',
      checks: { database: { status: 'down', reason: expect.stringContaining('no answer') } },
    });
  });

  it('leaves no timer behind', async () => {
    health.add('database', up);
    await health.readiness();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('asks once a second at most, however many probes come', async () => {
    health.add('database', up);
    await Promise.all(Array.from({ length: 10 }, () => health.readiness()));
    await jest.advanceTimersByTimeAsync(0.9 * SECOND);
    await health.readiness();
    expect(asked).toBe(1);
    await jest.advanceTimersByTimeAsync(0.2 * SECOND);
    await health.readiness();
    expect(asked).toBe(2);
  });

  it('is ready again when what was down is up', async () => {
    let down = true;
    health.add('database', () => (down ? Promise.reject(new Error('down')) : Promise.resolve()));
    expect((await health.readiness()).status).toBe('not ready');
    down = false;
    await jest.advanceTimersByTimeAsync(1.1 * SECOND);
    expect((await health.readiness()).status).toBe('ready');
  });

  it('is ready without what is not needed any more', async () => {
    health.add('database', up);
    health.add('events', () => Promise.reject(new Error('down')));
    health.remove('events');
    expect(await health.readiness()).toEqual({ status: 'ready', checks: { database: { status: 'up' } } });
  });

  it('is stopping from the moment it is told so, whatever it remembers', async () => {
    health.add('database', up);
    await health.readiness();
    expect(health.isStopping).toBe(false);
    health.stop();
    expect(health.isStopping).toBe(true);
    expect(await health.readiness()).toEqual({ status: 'stopping', checks: {} });
  });
});
