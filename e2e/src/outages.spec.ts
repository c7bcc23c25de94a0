import {
  anImage,
  blobsOf,
  contentOf,
  eventually,
  exchange,
  RegistryClient,
  requireOrSkip,
  startMinio,
  startNats,
  startPostgres,
  type TestMinio,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

import { ProcessDeployments, SERVICES } from './deployments.js';
import { ObjectStoreProxy } from './object-store-proxy.js';
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
  let store: ObjectStoreProxy;
  let stack: Stack;
  const image = anImage({ layers: 2, layerSize: 300_000 });

  beforeAll(async () => {
    [postgres, nats, minio] = await Promise.all([startPostgres(), startNats(), startMinio()]);
    store = await ObjectStoreProxy.start(minio.endpoint);
    stack = await startStack('distributed', {
      BERTH_DATABASE_URL: await postgres.createDatabase(),
      BERTH_NATS_URL: nats.url,
      BERTH_S3_ENDPOINT: store.endpoint,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
    });
    await stack.client().push('outages/before', image, 'v1');
  });
  afterAll(async () => {
    await stack?.stop();
    await store?.stop();
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

  it('an object store that is full: uploads are 503 and lose nothing, all else goes on, and it recovers by itself', async () => {
    const client = stack.client();
    const full = anImage({ layers: 2, layerSize: 300_000 });
    const layer = full.layers[0]!;
    const started = await client.startUpload('outages/full');
    (await started.patch(layer.bytes.subarray(0, 100_000), 0)).expect(202);

    // As MinIO says it. What is there can be read.
    const refusals = (['PUT', 'POST'] as const).map((method) => store.refuse({ method }, 507));
    const { digest, bytes } = full.layers[1]!;
    for (const refused of [
      await started.patch(layer.bytes.subarray(100_000), 100_000),
      await client.postUpload('outages/full', { query: { digest }, body: bytes }),
    ]) {
      expect(Number(refused.expect(503).header('retry-after'))).toBeGreaterThan(0);
      expect(refused.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] });
    }
    expect((await started.status()).expect(204).header('range')).toBe('0-99999');
    await client.pullAndCompare('outages/before', 'v1', image);
    await client.pushManifest('outages/before', image.manifest, 'while-full');
    expect(await isUp(stack, { service: 'storage', check: 'object store' })).toBe(true);

    for (const refusal of refusals) refusal.stop();
    (await started.patch(layer.bytes.subarray(100_000), 100_000)).expect(202);
    (await started.finish(layer.digest)).expect(201);
    await client.push('outages/full', full, 'v1');
    await client.pullAndCompare('outages/full', 'v1', full);
  });

  it('an object store that does not answer: HEADs, manifests, tags and logins go on beside many who wait for it', async () => {
    const client = stack.client();
    const slow = anImage({ layers: 1, layerSize: 300_000 });
    const layer = slow.layers[0]!;
    await client.push('outages/slow', slow, 'v1');

    const held = store.hold({});
    // More than there are connections to the database, or threads.
    const waiting = Array.from({ length: 20 }, () => [
      client.getBlob('outages/slow', layer.digest),
      client.postUpload('outages/slow', { query: { digest: layer.digest }, body: layer.bytes }),
    ]).flat();
    await held.reached(waiting.length);
    (await client.headBlob('outages/slow', layer.digest)).expect(200);
    (await client.headManifest('outages/slow', 'v1')).expect(200);
    expect((await client.getManifest('outages/slow', 'v1')).expect(200).bytes).toEqual(slow.manifest.bytes);
    await client.pushManifest('outages/slow', slow.manifest, 'while-slow');
    (await client.listTags('outages/slow')).expect(200);
    (await new RegistryClient(stack.base, stack.credentials).listTags('outages/slow')).expect(200);

    held.release();
    for (const answer of await Promise.all(waiting)) answer.expect(200, 201);
    await client.pullAndCompare('outages/slow', 'while-slow', slow);
  });
});

block('with no gc-worker', () => {
  let berth: ProcessDeployments;
  let base: string;
  beforeAll(async () => {
    berth = await ProcessDeployments.start({
      BERTH_LEASE_SECONDS: '10',
      BERTH_GC_GRACE_SECONDS: '0',
      BERTH_READ_GRANT_SECONDS: '1',
    });
    await berth.startEach(SERVICES.filter((service) => service !== 'gc-worker'));
    base = `http://${berth.host}`;
  });
  afterAll(() => berth?.stop());

  /** A question to the management API, as the operator: its status. */
  const managing = async () => {
    const { user: name, password } = berth.credentials;
    const identity = { methods: ['password'], password: { user: { name, password, domain: { name } } } };
    const logIn = { method: 'POST', url: `${base}/v3/auth/tokens`, body: JSON.stringify({ auth: { identity } }) };
    const token = (await exchange(logIn)).expect(201).header('x-subject-token')!;
    return async (method: string, path: string, body?: object): Promise<number> => {
      const url = `${base}/v2/manage/${path}`;
      const headers = { 'x-auth-token': token };
      return (await exchange({ method, url, headers, ...(body && { body: JSON.stringify(body) }) })).status;
    };
  };

  it('all that clients do goes on, and what they delete waits until there is one again', async () => {
    const client = new RegistryClient(base, berth.credentials);
    const [kept, gone] = [anImage({ layers: 2 }), anImage({ layers: 2 })];
    const stray = anImage().layers[0]!;
    const ask = await managing();
    const objects = async () => (await contentOf(berth.minio, 'berth')).keys.length;
    const answers = async () => [
      await ask('GET', `garbage/explain?digest=${stray.digest}`),
      await ask('GET', 'garbage/plan'),
      await ask('GET', 'garbage/reconcile'),
      await ask('GET', 'namespaces/scaled/untagged-policy'),
      await ask('PUT', 'namespaces/scaled/untagged-policy', { keep: true }),
    ];
    for (let round = 0; round < 2; round++) {
      const [keptName, goneName] = [`scaled/kept${round}`, `scaled/gone${round}`];
      await client.push(keptName, kept, 'v1');
      await client.push(goneName, gone, 'v1');
      await client.pushBlob(goneName, stray);
      (await client.deleteManifest(goneName, gone.manifest.digest)).expect(202);
      (await client.deleteBlob(goneName, stray.digest)).expect(202);
      expect((await client.headBlob(goneName, stray.digest)).status).toBe(404);
      await client.pullAndCompare(keptName, 'v1', kept);
      expect(await answers()).toEqual([503, 503, 503, 503, 503]);
      expect(await objects()).toBeGreaterThanOrEqual(blobsOf(kept).length + blobsOf(gone).length + 1);

      await berth.scale('gc-worker', 1);
      await eventually(async () => (await objects()) === blobsOf(kept).length, {
        what: 'what was deleted is gone from the object store',
        within: 60_000,
      });
      expect(await answers()).toEqual([200, 200, 200, 200, 200]);
      await client.pullAndCompare(keptName, 'v1', kept);
      await berth.scale('gc-worker', 0);
    }
  });
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
