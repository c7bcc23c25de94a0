import { BREAKS, breakIt } from './testing/model/breaks.js';
import { checkHistory, firstFailure, planOf } from './testing/model/check-histories.js';
import { folderStore } from './testing/model/object-store.js';
import { RegistryUnderModel } from './testing/model/registry-under-model.js';

/** Random histories are looked through only where somebody says how many: that takes longer. */
const IS_SEARCHED = process.env['BERTH_MODEL_RUNS'] !== undefined;
const PLAN = planOf(0);
jest.setTimeout((PLAN.minutes + 1) * 60_000);

/** A check that cannot fail is worth nothing: here the registry is broken, one part at a time. */
describe('the model check finds that', () => {
  let registry: RegistryUnderModel;
  beforeAll(async () => {
    registry = await RegistryUnderModel.start(folderStore, { grace: 700, pullWindow: 400 });
  });
  afterAll(() => registry.stop());

  it.each(BREAKS)('$what', async (one) => {
    await checkHistory(registry, one.history);
    const mend = await breakIt(registry.database, one);
    try {
      await expect(checkHistory(registry, one.history)).rejects.toThrow();
      if (!IS_SEARCHED) return;
      const failure = await firstFailure(registry, PLAN);
      process.stdout.write(`${one.what}: ${failure ? `history ${failure.number}\n${failure.message}` : 'not found'}\n`);
      expect(failure).not.toBeNull();
    } finally {
      await mend();
    }
  });
});
