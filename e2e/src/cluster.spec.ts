import { writeFileSync } from 'node:fs';

import { type Cluster, ClusterDeployments } from './cluster-deployments.js';
import { until } from './deployments.js';
import { keepConnectionsBriefly, LIMIT_MS, REPLICAS, rollsUnderTraffic, SETTINGS, worked } from './roll-scenarios.js';
import { Traffic } from './traffic.js';

/** At rest a gateway takes 8m; more than half of this is a load that the clients of a test make on a busy machine, too. */
const CPU_REQUEST = '50m';
/** From a load that is there to a pod that is ready, and back. */
const SCALED_WITHIN_MS = 300_000;
const AUTOSCALING = { minReplicas: 1, maxReplicas: 3, cpuUtilization: 50 };

/** Images are built and the chart is installed, on a machine that does other things. */
const START_MS = 1_800_000;

/** Run by tools/e2e-kubernetes.mjs, which starts the cluster and prints the report. */
describe('the chart in a real cluster', () => {
  const report: string[] = [];
  let berth: ClusterDeployments;

  keepConnectionsBriefly();
  beforeAll(async () => {
    const cluster = JSON.parse(process.env.E2E_CLUSTER!) as Cluster;
    berth = await ClusterDeployments.start(cluster, SETTINGS, REPLICAS);
    report.push(...(await berth.startTimes()));
  }, START_MS);

  afterAll(async () => {
    await berth?.stop();
    writeFileSync(process.env.E2E_CLUSTER_REPORT!, report.map((line) => `${line}\n`).join(''));
  }, LIMIT_MS);

  rollsUnderTraffic(() => berth, report);

  it(
    'no request fails while the release is upgraded, all services at once',
    async () => {
      const traffic = new Traffic(berth.host, berth.credentials);
      await traffic.start();
      try {
        await worked(traffic);
        await berth.upgrade();
        await worked(traffic);
      } finally {
        await traffic.end();
      }
      report.push(
        `the release upgraded: ${traffic.requests} requests in ${traffic.operations} operations, ${traffic.failures.length} failures`,
      );
      expect(traffic.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'an autoscaler has more gateways when clients work, and fewer when they have gone',
    async () => {
      await berth.autoscale('gateway', CPU_REQUEST, AUTOSCALING);
      let most = { replicas: 0, utilization: 0 };
      const look = async () => {
        const { replicas, ready, utilization } = await berth.autoscaling('gateway');
        most = {
          replicas: Math.max(most.replicas, ready),
          utilization: Math.max(most.utilization, utilization ?? 0),
        };
        return { replicas, ready, utilization };
      };
      const atRest = async () => {
        const { replicas, ready, utilization } = await look();
        return replicas === 1 && ready === 1 && utilization !== undefined && utilization < AUTOSCALING.cpuUtilization;
      };
      await until(atRest, 'one gateway is enough for nobody', SCALED_WITHIN_MS);
      most = { replicas: 0, utilization: 0 };
      const traffic = new Traffic(berth.host, berth.credentials);
      await traffic.start();
      try {
        const scaled = async () => (await look()).ready > 1 || traffic.failures.length > 0;
        await until(scaled, 'there are more gateways', SCALED_WITHIN_MS);
        await worked(traffic);
      } finally {
        await traffic.end();
      }
      await until(atRest, 'there is one gateway again', SCALED_WITHIN_MS);
      report.push(
        `gateway by its autoscaler 1 to ${most.replicas} to 1, at ${most.utilization} % of its request: ` +
          `${traffic.requests} requests in ${traffic.operations} operations, ${traffic.failures.length} failures`,
      );
      expect(traffic.failures).toEqual([]);
      report.push(...(await berth.memory()));
    },
    2 * LIMIT_MS,
  );
});
