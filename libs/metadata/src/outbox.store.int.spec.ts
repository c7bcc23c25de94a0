import { OutboxStore } from './outbox.store.js';
import { onDatabase } from './testing/registry-fixture.js';

describe(OutboxStore.name, () => {
  const on = onDatabase();
  let store: OutboxStore;

  beforeEach(() => {
    store = new OutboxStore(on.test.database);
  });

  /** Events with the payloads 1 to `count`, written in that order and `age` seconds ago. */
  const write = (count: number, age = 0) =>
    on.test.rows(
      `INSERT INTO registry.outbox_event (id, subject, payload, created_at)
       SELECT gen_random_uuid(), 'test.happened.v1', jsonb_build_object('n', n), now() - make_interval(secs => $2)
       FROM generate_series(1, $1) AS n ORDER BY n`,
      [count, age],
    );
  const numbers = (events: { payload: object }[]) => events.map(({ payload }) => (payload as { n: number }).n);

  it('gives the oldest events first, and no more than it was asked for', async () => {
    await write(5);
    expect(numbers(await store.pending(3))).toEqual([1, 2, 3]);
  });

  it('gives events again until they are removed, and then the next ones', async () => {
    await write(5);
    const batch = await store.pending(3);
    expect(numbers(await store.pending(3))).toEqual([1, 2, 3]);
    await store.remove(batch.map(({ id }) => id));
    expect(numbers(await store.pending(3))).toEqual([4, 5]);
  });

  it('takes the removal of events that another relay has removed', async () => {
    await write(2);
    const ids = (await store.pending(2)).map(({ id }) => id);
    await store.remove(ids);
    await store.remove(ids);
    await store.remove([]);
    expect(await store.pending(10)).toEqual([]);
  });

  it('gives the payload as it was written', async () => {
    await on.test.rows(`INSERT INTO registry.outbox_event (id, subject, payload)
      VALUES (gen_random_uuid(), 'test.happened.v1', '{"tags": ["ü"], "nested": {"is": true}}')`);
    expect(await store.pending(1)).toEqual([
      { id: expect.any(String), subject: 'test.happened.v1', payload: { tags: ['ü'], nested: { is: true } } },
    ]);
  });

  it('says how long the oldest event has waited, 0 where none waits', async () => {
    expect(await store.oldestAgeSeconds()).toBe(0);
    await write(1, 90);
    await write(1);
    const age = await store.oldestAgeSeconds();
    expect(age).toBeGreaterThanOrEqual(90);
    expect(age).toBeLessThan(150);
  });

  it('counts them, as far as it is asked to', async () => {
    expect(await store.count(10)).toBe(0);
    await write(5);
    expect(await store.count(10)).toBe(5);
    expect(await store.count(3)).toBe(3);
  });
});
