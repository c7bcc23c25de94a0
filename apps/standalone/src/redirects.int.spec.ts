import { deployMigrations } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import {
  allContent,
  anImage,
  Crane,
  Docker,
  dockerClients,
  exchange,
  findCrane,
  findDockerd,
  findMinio,
  findSkopeo,
  firstReason,
  type Image,
  readDirLayout,
  readOciLayout,
  RegistryClient,
  requireOrSkip,
  Skopeo,
  startDockerd,
  startMinio,
  startPostgres,
  tempFolder,
  type TestDockerd,
  type TestMinio,
  type TestPostgres,
} from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';

jest.setTimeout(60_000);

const ADMIN = { user: 'admin', password: 'correct horse battery' };
const LAYER = 100_000;
const NAME = 'team/app';

/** Clients that are sent to MinIO. It has another host name than the registry, so that they keep their token to themselves. */
requireOrSkip('minio', findMinio().reason)('redirects to the object store', () => {
  const temp = tempFolder();
  let postgres: TestPostgres;
  let minio: TestMinio;
  let registry: Standalone;
  let admin: RegistryClient;
  let image: Image;
  let store: string;

  beforeAll(async () => {
    [postgres, minio] = await Promise.all([startPostgres(), startMinio()]);
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    store = minio.endpoint.replace('127.0.0.1', 'localhost');
    const settings = loadSettings({
      BERTH_PORT: '0',
      BERTH_LOG_LEVEL: 'silent',
      BERTH_DATA_DIR: temp.path,
      BERTH_BLOB_STORE: 's3',
      BERTH_S3_ENDPOINT: minio.endpoint,
      BERTH_S3_PUBLIC_ENDPOINT: store,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
      BERTH_DATABASE_URL: url,
      BERTH_SECRET_KEY: 's'.repeat(32),
      BERTH_ADMIN_PASSWORD: ADMIN.password,
      BERTH_REDIRECT: 'true',
      BERTH_REDIRECT_MIN_BYTES: String(LAYER),
      BERTH_REDIRECT_EXCEPT: 'stay-at-home/',
      BERTH_READ_GRANT_SECONDS: '120',
    });
    registry = await startStandalone(settings);
    // Its first probe makes the bucket.
    (await exchange({ method: 'GET', url: `${registry.address}/readyz` })).expect(200);
    admin = new RegistryClient(registry.address, ADMIN);
    image = anImage({ layers: 2, layerSize: LAYER });
    await admin.push(NAME, image, 'v1');
  });
  afterAll(async () => {
    await registry.stop();
    await Promise.all([postgres.stop(), minio.stop()]);
    temp.remove();
  });

  /** How many pulls of blobs were redirected so far. */
  async function redirected(): Promise<number> {
    const { text } = await exchange({ method: 'GET', url: `${registry.internalAddress}/metrics` });
    const lines = text.split('\n').filter((line) => line.startsWith('berth_http_request_duration_seconds_count{'));
    const redirects = lines.find((line) => line.includes('route="end-2"') && line.includes('status="307"'));
    return Number(redirects?.split(' ').at(-1) ?? 0);
  }

  it('give the very bytes, whole and in part, for the time of a grant and no longer', async () => {
    const layer = image.layers[0]!;
    const answer = (await admin.getBlob(NAME, layer.digest)).expect(307);
    expect(answer.header('docker-content-digest')).toBe(layer.digest);
    const url = answer.header('location')!;
    expect(url.startsWith(`${store}/`)).toBe(true);
    const seconds = Number(new URL(url).searchParams.get('X-Amz-Expires'));
    expect(seconds).toBe(120);
    expect((await exchange({ method: 'GET', url })).expect(200).bytes.equals(layer.bytes)).toBe(true);
    const part = (await exchange({ method: 'GET', url, headers: { range: 'bytes=100-199' } })).expect(206);
    expect(part.bytes.equals(layer.bytes.subarray(100, 200))).toBe(true);
    expect(part.header('content-range')).toBe(`bytes 100-199/${layer.bytes.length}`);
    (await exchange({ method: 'PUT', url, body: 'x' })).expect(403);
    (await exchange({ method: 'GET', url: url.replace(/objects\/../, 'objects/zz') })).expect(403);
  });

  it('are neither for HEAD nor for small blobs nor for excepted clients', async () => {
    const layer = image.layers[0]!;
    const head = (await admin.headBlob(NAME, layer.digest)).expect(200);
    expect(head.header('content-length')).toBe(String(layer.bytes.length));
    (await admin.getBlob(NAME, image.config.digest)).expect(200);
    const served = await admin.getBlob(NAME, layer.digest, { headers: { 'user-agent': 'Stay-At-Home/1.0' } });
    expect(served.expect(200).bytes.equals(layer.bytes)).toBe(true);
  });

  requireOrSkip('crane', findCrane().reason)('crane', () => {
    it('follows them', async () => {
      const crane = new Crane(new URL(registry.address).host);
      await crane.login(ADMIN.user, ADMIN.password);
      const before = await redirected();
      await crane.pull(`${NAME}:v1`, crane.path('out'));
      expect(readOciLayout(crane.path('out')).digests).toEqual(new Set(allContent(image).map(({ digest }) => digest)));
      expect((await redirected()) - before).toBe(image.layers.length);
      await crane.remove();
    });
  });

  requireOrSkip('skopeo', findSkopeo().reason)('skopeo', () => {
    it('follows them', async () => {
      const skopeo = new Skopeo(new URL(registry.address).host);
      await skopeo.login(ADMIN.user, ADMIN.password);
      const before = await redirected();
      await skopeo.copy(skopeo.remote(`${NAME}:v1`), `dir:${skopeo.path('out')}`);
      const digests = [...readDirLayout(skopeo.path('out')).values()];
      expect(digests).toEqual(expect.arrayContaining(allContent(image).map(({ digest }) => digest)));
      expect((await redirected()) - before).toBe(image.layers.length);
      await skopeo.remove();
    });
  });

  const docker = dockerClients()[0]!;
  requireOrSkip('Docker Engine', firstReason(findDockerd(), docker.found))('Docker Engine', () => {
    let engine: TestDockerd;
    beforeAll(async () => {
      engine = await startDockerd();
    });
    afterAll(() => engine.stop());

    it('follows them', async () => {
      const client = new Docker(engine, docker.found.path!, new URL(registry.address).host);
      await client.login(ADMIN.user, ADMIN.password);
      const before = await redirected();
      expect(await client.pull(`${NAME}:v1`)).toBe(image.manifest.digest);
      expect((await redirected()) - before).toBe(image.layers.length);
      await client.removeImage(`${NAME}:v1`);
    });
  });
});
