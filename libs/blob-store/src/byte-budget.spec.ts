import { ByteBudget } from './byte-budget.js';

/** Whether `promise` is settled by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))])) !== pending;
}

describe(ByteBudget.name, () => {
  it('grants up to its limit and refuses what is beyond', () => {
    const budget = new ByteBudget(10);
    expect(budget.tryTake(6)).toBe(true);
    expect(budget.tryTake(5)).toBe(false);
    expect(budget.tryTake(4)).toBe(true);
    budget.release(6);
    expect(budget.tryTake(6)).toBe(true);
  });

  it('lets who comes later wait, in order, even where it would fit', async () => {
    const budget = new ByteBudget(10);
    await budget.take(8);
    const [large, small] = [budget.take(5), budget.take(1)];
    expect(budget.contended).toBe(true);
    expect(budget.tryTake(1)).toBe(false);
    expect(await isSettled(small)).toBe(false);
    budget.release(8);
    await Promise.all([large, small]);
    expect(budget.contended).toBe(false);
    expect(budget.tryTake(5)).toBe(false);
    expect(budget.tryTake(4)).toBe(true);
  });

  it('grants more than its limit to one that is alone', async () => {
    const budget = new ByteBudget(10);
    await budget.take(3);
    const huge = budget.take(100);
    expect(await isSettled(huge)).toBe(false);
    budget.release(3);
    await huge;
    expect(budget.tryTake(1)).toBe(false);
    budget.release(100);
    expect(budget.tryTake(10)).toBe(true);
  });
});
