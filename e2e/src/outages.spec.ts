import {
  anImage,
  eventually,
  requireOrSkip,
  startMinio,
  startNats,
  startPostgres,
  type TestMinio,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

import { isForeignRegistry, reasonAgainst, startStack, type Stack } from './stack.js';

const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to disturb' : reasonAgainst('distributed');
const block = requireOrSkip('outages of PostgreSQL, NATS and MinIO', reason);

interface Outage {
  begin(): Promise<void>;
  end(): Promise<void>;
  /** Whose readiness says so, and under which name. */
  noticedBy: { service: string; check: string };
}

block('while a dependency is away', () => {
  let postgres: TestPostgres;
  let nats: TestNats;
  let minio: TestMinio;
  let stack: Stack;
  const image = anImage({ layers: 2, layerSize: 300_000 });

  beforeAll(async () => {
    [postgres, nats, minio] = await Promise.all([startPostgres(), startNats(), startMinio()]);
    stack = await startStack('distributed', {
      BERTH_DATABASE_URL: await postgres.createDatabase(),
      BERTH_NATS_URL: nats.url,
      BERTH_S3_ENDPOINT: minio.endpoint,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
    });
    await stack.client().push('outages/before', image, 'v1');
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([postgres?.stop(), nats?.stop(), minio?.stop()]);
  });

  const outages: Record<string, () => Outage> = {
    PostgreSQL: () => ({
      begin: () => postgres.kill(),
      end: () => postgres.restart(),
      noticedBy: { service: 'registry-v2', check: 'database' },
    }),
    NATS: () => ({
      begin: () => nats.kill(),
      end: () => nats.restart(),
      noticedBy: { service: 'gateway', check: 'bus' },
    }),
    MinIO: () => ({
      begin: () => minio.kill(),
      end: () => minio.restart(),
      noticedBy: { service: 'storage', check: 'object store' },
    }),
  };

  it.each(Object.keys(outages))(
    '%s: 503 with Retry-After, readiness names it, and all recovers by itself',
    async (name) => {
      const outage = outages[name]!();
      const repository = `outages/${name.toLowerCase()}`;
      const client = stack.client();
      const layer = image.layers[0]!;
      const started = await client.startUpload(repository);
      (await started.patch(layer.bytes.subarray(0, 100_000), 0)).expect(202);

      await outage.begin();
      const refused = (await client.getBlob('outages/before', layer.digest)).expect(503);
      expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
      expect(refused.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] });
      await eventually(() => isDown(stack, outage.noticedBy), {
        what: `${outage.noticedBy.service} says that it is down`,
      });

      await outage.end();
      await eventually(() => isUp(stack, outage.noticedBy), { what: 'readiness comes back', within: 30_000 });
      await eventually(async () => (await client.getBlob('outages/before', layer.digest)).status === 200, {
        what: 'pulls are served again',
        within: 30_000,
      });
      await client.pullAndCompare('outages/before', 'v1', image);
      // The upload stands where it was acknowledged, and goes on.
      expect((await started.status()).expect(204).header('range')).toBe('0-99999');
      (await started.patch(layer.bytes.subarray(100_000), 100_000)).expect(202);
      (await started.finish(layer.digest)).expect(201);
      await client.push(`${repository}-after`, image, 'v1');
    },
  );
});

async function readiness(stack: Stack, { service, check }: Outage['noticedBy']) {
  const [address] = stack.addresses(service);
  const response = await fetch(`${address}/readyz`);
  const body = (await response.json()) as { checks: Record<string, { status: string }> };
  return { status: response.status, check: body.checks[check]?.status };
}

const isDown = async (stack: Stack, noticedBy: Outage['noticedBy']) => {
  const { status, check } = await readiness(stack, noticedBy);
  return status === 503 && check === 'down';
};

const isUp = async (stack: Stack, noticedBy: Outage['noticedBy']) => {
  const { status, check } = await readiness(stack, noticedBy);
  return status === 200 && check === 'up';
};
