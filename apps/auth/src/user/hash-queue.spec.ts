import { HashQueue } from './hash-queue.js';

const TOO_MANY = { code: 'TOOMANYREQUESTS', status: 429, headers: { 'retry-after': '2' } };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A queue whose hashes go on until the test ends them, each with its number. */
function held({ atOnce = 2, waiting = 3, longestWaitMs = 10_000 } = {}) {
  const queue = new HashQueue({ atOnce, waiting, longestWaitMs });
  const started: number[] = [];
  const ends = new Map<number, () => void>();
  const hash = (n: number) =>
    queue.run(() => {
      started.push(n);
      return new Promise<number>((resolve) => ends.set(n, () => resolve(n)));
    });
  return { queue, started, hash, end: (n: number) => ends.get(n)!() };
}

describe(HashQueue, () => {
  it('hashes two at once, and the others in the order in which they came', async () => {
    const { hash, started, end } = held();
    const results = [1, 2, 3, 4].map(hash);
    await settled();
    expect(started).toEqual([1, 2]);
    end(2);
    await settled();
    expect(started).toEqual([1, 2, 3]);
    end(1);
    await settled();
    [3, 4].forEach(end);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
  });

  it('refuses at once what is beyond the queue, without hashing, and takes more when there is room', async () => {
    const { hash, started, end } = held();
    const taken = [1, 2, 3, 4, 5].map(hash);
    await expect(hash(6)).rejects.toMatchObject(TOO_MANY);
    end(1);
    await settled();
    taken.push(hash(7));
    for (const n of [2, 3, 4, 5, 7]) {
      end(n);
      await settled();
    }
    expect(await Promise.all(taken)).toEqual([1, 2, 3, 4, 5, 7]);
    expect(started).toEqual([1, 2, 3, 4, 5, 7]);
  });

  it('drops what has waited longer than its asker waits, and goes on behind it', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const { hash, started, end } = held({ atOnce: 1 });
      const first = hash(1);
      const old = expect(hash(2)).rejects.toMatchObject(TOO_MANY);
      jest.setSystemTime(Date.now() + 6_000);
      const young = hash(3);
      await settled();
      jest.setSystemTime(Date.now() + 5_000);
      end(1);
      await old;
      await settled();
      end(3);
      expect([await first, await young]).toEqual([1, 3]);
      expect(started).toEqual([1, 3]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('goes on after a hash that failed', async () => {
    const { queue } = held({ atOnce: 1 });
    await expect(queue.run(() => Promise.reject(new Error('out of memory')))).rejects.toThrow('out of memory');
    expect(await queue.run(async () => 'hashed')).toBe('hashed');
  });
});
