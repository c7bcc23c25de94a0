import { findMinio, requireOrSkip } from '@berth/testing';
import { checkHistories, planOf } from './testing/model/check-histories.js';
import { folderStore, minioStore } from './testing/model/object-store.js';
import { RegistryUnderModel } from './testing/model/registry-under-model.js';

const STORES = [
  { store: 'a folder', reason: undefined, open: folderStore },
  { store: 'MinIO', reason: findMinio().reason, open: minioStore },
];
const PLAN = planOf(1000);
jest.setTimeout((PLAN.minutes + 15) * 60_000);

/**
 * Short histories of random operations, of clients, operators and collectors, against a model of what is promised
 * (docs/development.md, "The model check").
 */
describe('every history of one operation after another', () => {
  const registries: RegistryUnderModel[] = [];
  const checks = new Map<string, Promise<void>>();
  // On all stores at the same time, each with a database of its own: most of it is waiting.
  beforeAll(async () => {
    for (const { store, open } of STORES.filter(({ reason }) => reason === undefined)) {
      const registry = await RegistryUnderModel.start(open, { grace: 700, pullWindow: 400 });
      registries.push(registry);
      const check = checkHistories(registry, `model check on ${store}`, PLAN);
      check.catch(() => undefined);
      checks.set(store, check);
    }
  });
  afterAll(async () => {
    await Promise.allSettled(checks.values());
    for (const registry of registries) await registry.stop();
  });

  describe.each(STORES)('on $store', ({ store, reason }) => {
    requireOrSkip(`the model check on ${store}`, reason)('and with real rows', () => {
      it('is as the model says: nothing is lost, and nothing left', async () => {
        await checks.get(store);
      });
    });
  });
});
