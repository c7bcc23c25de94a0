import { checkAtOnce, planOf } from './testing/model/check-histories.js';
import { folderStore } from './testing/model/object-store.js';
import { RegistryUnderModel } from './testing/model/registry-under-model.js';

const PLAN = planOf(300);
jest.setTimeout((PLAN.minutes + 15) * 60_000);

describe('clients and collectors at once', () => {
  let registry: RegistryUnderModel;
  beforeAll(async () => {
    registry = await RegistryUnderModel.start(folderStore, { grace: 0, pullWindow: 1 });
  });
  afterAll(() => registry.stop());

  it('lose nothing that was acknowledged, and leave nothing', () => checkAtOnce(registry, 'model check at once', PLAN));
});
