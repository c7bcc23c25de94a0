import {
  anImage,
  blobsOf,
  contentOf,
  dockerClients,
  findCrane,
  findDockerd,
  hasObject,
  RegistryClient,
} from '@berth/testing';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';

import { type Deployments, SERVICES, until } from './deployments.js';
import { Traffic } from './traffic.js';

export const REPLICAS = 2;
/** What traffic pushes is referenced sooner; what is to be collected waits for it. */
const LEASE_SECONDS = 90;
export const SETTINGS = {
  BERTH_LEASE_SECONDS: String(LEASE_SECONDS),
  BERTH_GC_GRACE_SECONDS: '0',
  BERTH_READ_GRANT_SECONDS: '10',
};
/** A client that keeps a connection unused for longer than that may use it just as it is closed, as with any server. */
const CLIENT_KEEPS_MS = 1_000;
/** All scenarios with their starts, on a machine that does other things. */
export const LIMIT_MS = 900_000;
const BUCKET = 'berth';

/** In the block where it stands, connections of this process are kept as briefly as real clients keep them. */
export function keepConnectionsBriefly(): void {
  const dispatcher = getGlobalDispatcher();
  beforeAll(() => {
    setGlobalDispatcher(new Agent({ keepAliveTimeout: CLIENT_KEEPS_MS, keepAliveMaxTimeout: CLIENT_KEEPS_MS }));
  });
  afterAll(() => setGlobalDispatcher(dispatcher));
}

/** Resolves when clients have done `more` operations, or one has failed. */
export async function worked(traffic: Traffic, more = 20): Promise<void> {
  const before = traffic.operations;
  await until(() => traffic.operations >= before + more || traffic.failures.length > 0, 'traffic goes on');
}

/** What may happen to services while clients work: with REPLICAS of each, and SETTINGS. Adds a line for each to `report`. */
export function rollsUnderTraffic(started: () => Deployments, report: string[]): void {
  describe('under traffic that never pauses', () => {
    let berth: Deployments;
    let traffic: Traffic;
    let client: RegistryClient;
    /** What will be deleted, and its objects: pushed first, so that its leases are over by then. */
    const doomed = [1, 2, 3].map(() => anImage({ layers: 2, layerSize: 100_000 }));
    const doomedBlobs = doomed.flatMap(blobsOf);
    let doomedObjects: string[];

    beforeAll(async () => {
      berth = started();
      client = new RegistryClient(`http://${berth.host}`, berth.credentials);
      for (const [n, image] of doomed.entries()) await client.push('rolls/doomed', image, `v${n}`);
      doomedObjects = (await contentOf(berth.minio, BUCKET)).keys;
      expect(doomedObjects).toHaveLength(doomedBlobs.length);
      traffic = new Traffic(berth.host, berth.credentials);
      await traffic.start();
      if (!findCrane().reason) await traffic.startCrane();
      const docker = dockerClients().find(({ found }) => found.path !== null);
      if (docker && !findDockerd().reason) await traffic.startDocker(docker.found.path!);
    }, LIMIT_MS);

    afterAll(() => traffic?.end(), LIMIT_MS);

    /** Does `disturbing` while clients work, and says how many of their operations failed. */
    async function underTraffic(what: string, disturbing: () => Promise<void>): Promise<void> {
      const [requests, operations, retries] = [traffic.requests, traffic.operations, traffic.retries];
      await worked(traffic);
      await disturbing();
      await worked(traffic);
      const failures = traffic.failures.splice(0);
      const again = traffic.mayRetry ? `, ${traffic.retries - retries} retries` : '';
      report.push(
        `${what}: ${traffic.requests - requests} requests in ${traffic.operations - operations} operations, ${failures.length} failures${again}`,
      );
      expect(failures).toEqual([]);
    }

    it(
      'no request fails while each service is rolled',
      () =>
        underTraffic(`${SERVICES.length} services of ${REPLICAS} rolled`, async () => {
          for (const service of SERVICES) await berth.roll(service);
        }),
      LIMIT_MS,
    );

    it(
      'no request fails while registry-v2 scales 1 to 3 to 1',
      () =>
        underTraffic('registry-v2 scaled 1 to 3 to 1', async () => {
          for (const count of [1, 3, 1, REPLICAS]) {
            await berth.scale('registry-v2', count);
            await worked(traffic, 5);
          }
        }),
      LIMIT_MS,
    );

    it(
      'replicas are killed in turn, and the retry of their clients succeeds',
      async () => {
        traffic.mayRetry = true;
        await underTraffic('each service killed', async () => {
          for (const service of SERVICES) await berth.kill(service);
        });
        traffic.mayRetry = false;
      },
      LIMIT_MS,
    );

    it(
      'what is deleted while there is no gc-worker is collected when there is one again',
      () =>
        underTraffic('gc-worker scaled to 0 and back', async () => {
          await berth.scale('gc-worker', 0);
          for (const { manifest } of doomed) {
            (await client.deleteManifest('rolls/doomed', manifest.digest)).expect(202);
          }
          await worked(traffic);
          for (const { digest } of doomedBlobs) (await client.getBlob('rolls/doomed', digest)).expect(200);
          await berth.scale('gc-worker', REPLICAS);
          await until(async () => {
            const statuses = await Promise.all(
              doomedBlobs.map(async ({ digest }) => (await client.getBlob('rolls/doomed', digest)).status),
            );
            return statuses.every((status) => status === 404);
          }, 'no blob of what was deleted is known');
          for (const key of doomedObjects) {
            await until(async () => !(await hasObject(berth.minio, BUCKET, key)), 'its object is gone');
          }
          report.push(`${doomedObjects.length} objects collected`);
        }),
      LIMIT_MS,
    );
  });
}
