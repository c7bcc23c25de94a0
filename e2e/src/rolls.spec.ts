import { requireOrSkip } from '@berth/testing';

import { ProcessDeployments, SERVICES } from './deployments.js';
import { keepConnectionsBriefly, LIMIT_MS, REPLICAS, rollsUnderTraffic, SETTINGS } from './roll-scenarios.js';
import { isForeignRegistry, reasonAgainst } from './stack.js';

const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to roll' : reasonAgainst('distributed');
const DRAIN_SECONDS = 3;

requireOrSkip('rolls, scaling and kills under traffic', reason)('the six services as processes', () => {
  const report: string[] = [];
  let berth: ProcessDeployments;

  keepConnectionsBriefly();
  beforeAll(async () => {
    berth = await ProcessDeployments.start({
      ...SETTINGS,
      BERTH_DRAIN_SECONDS: String(DRAIN_SECONDS),
      BERTH_SHUTDOWN_SECONDS: '60',
    });
    await Promise.all(SERVICES.filter((service) => service !== 'gateway').map((each) => berth.scale(each, REPLICAS)));
    await berth.scale('gateway', REPLICAS);
  }, LIMIT_MS);

  afterAll(async () => {
    await berth?.stop();
    if (report.length) console.log(`Rolls: ${report.join('; ')}`);
  }, LIMIT_MS);

  rollsUnderTraffic(() => berth, report);
});
