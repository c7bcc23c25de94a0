import { checkAtOnce, planOf } from './testing/model/check-histories.js';
import { folderStore } from './testing/model/object-store.js';
import { LEASE } from './testing/model/registry-model.js';
import { RegistryUnderModel } from './testing/model/registry-under-model.js';

const PLAN = planOf(150);
jest.setTimeout((PLAN.minutes + 15) * 60_000);

describe.each([
  { name: 'without a grace', grace: 0 },
  { name: 'with a grace as long as a lease', grace: LEASE },
])('clients and collectors at once, $name', ({ name, grace }) => {
  let registry: RegistryUnderModel;
  beforeAll(async () => {
    registry = await RegistryUnderModel.start(folderStore, { grace, pullWindow: 1 });
  });
  afterAll(() => registry.stop());

  it('lose nothing that was acknowledged, and leave nothing', () =>
    checkAtOnce(registry, `model check at once, ${name}`, PLAN));
});
