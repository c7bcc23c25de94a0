import { ReconciliationStore } from '@berth/metadata';
import type { Digest } from '@berth/oci';
import { aManifest, anImage, anIndex, blobsOf } from '@berth/testing';
import { codeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

const HERE = 'namespaces/team/repos/app';
const PATIENCE = { timeout: 30_000 };
const UNKNOWN = `sha256:${'0'.repeat(64)}`;

interface Reason {
  kind: string;
  digest?: string;
  because?: Reason[];
  [more: string]: unknown;
}
interface Explained {
  size: number | null;
  damage: { state: string; reason: string; first_seen: string; advice: string } | null;
  more: number;
  places: { repository: string; kind: string; kept: boolean; goes_after: string | null; because: Reason[] }[];
  objects: { not_before: string; attempts: number; last_error: string | null; advice: string | null }[];
}

/** Over real HTTP, with real rows: what an operator, and a user, is told of garbage. */
describe('garbage', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let bob: ManagementClient;
  const index = anIndex();
  const lone = anImage();

  beforeAll(async () => {
    whole = await startWholeRegistry();
    const logIn = (account: string, { user, password }: typeof ADMIN) =>
      ManagementClient.logIn(whole.registry.address, { account, user, password });
    [admin, bob] = await Promise.all([logIn('admin', ADMIN), logIn('admin', BOB)]);
    await whole.admin.push('team/app', index, 'v1');
    await whole.admin.push('team/app', lone, lone.manifest.digest);
    await whole.admin.push('other/app', lone, 'kept');
  });
  afterAll(() => whole?.stop());

  const prisma = () => whole.registry.host.database!.prisma;
  const explain = async (digest: string, client = admin, where = HERE): Promise<Explained> =>
    (await client.get(`${where}/garbage/explain?digest=${digest}`.replace(/^\//, ''))).expect(200).json();
  const inAll = (digest: string) => explain(digest, admin, '');
  const layer = index.images[0]!.layers[0]!.digest;
  const near = (time: string | null, seconds: number) => {
    const until = (new Date(time!).getTime() - Date.now()) / 1_000;
    expect([until > seconds - 60, until <= seconds]).toEqual([true, true]);
  };

  it('is explained by the chain from a blob to its tag', async () => {
    const { places, size } = await explain(layer, bob);
    expect(size).toBe(index.images[0]!.layers[0]!.bytes.length);
    expect(places).toEqual([
      {
        repository: 'team/app',
        kind: 'blob',
        kept: true,
        goes_after: null,
        because: expect.arrayContaining([
          {
            kind: 'manifest',
            digest: index.images[0]!.manifest.digest,
            because: [{ kind: 'index', digest: index.manifest.digest, because: [{ kind: 'tag', tags: ['v1'] }] }],
          },
        ]) as Reason[],
      },
    ]);
  });

  it('is explained in every repository to an operator', async () => {
    const { digest } = lone.manifest;
    const { places, more } = await inAll(digest);
    expect(more).toBe(0);
    expect(places).toEqual([
      {
        repository: 'other/app',
        kind: 'manifest',
        kept: true,
        goes_after: null,
        because: [{ kind: 'tag', tags: ['kept'] }],
      },
      {
        repository: 'team/app',
        kind: 'manifest',
        kept: true,
        goes_after: null,
        because: [{ kind: 'policy', policy: { keep: true }, from: 'installation' }],
      },
    ]);
  });

  it('has a date where only time keeps it', async () => {
    const { digest } = lone.manifest;
    (await admin.ask('PUT', 'namespaces/team/untagged-policy', { after_seconds: 7_200 })).expect(200);
    const [place] = (await explain(digest)).places;
    expect(place).toMatchObject({
      kept: false,
      because: [
        { kind: 'lease' },
        { kind: 'policy', policy: { keep: false, after_seconds: 7_200 }, from: 'organisation' },
      ],
    });
    near(place!.goes_after, 7_200);
    near(place!.because[0]!['until'] as string, 3_600);
  });

  it('of an upload without a manifest has a lease and then its grace', async () => {
    const blob = anImage().layers[0]!;
    await whole.admin.pushBlob('team/app', blob);
    const [place] = (await explain(blob.digest)).places;
    expect(place).toMatchObject({ kind: 'blob', kept: false, because: [{ kind: 'lease' }, { kind: 'grace' }] });
    near(place!.because[0]!['until'] as string, 3_600);
    near(place!.goes_after, 7_200);
    await prisma().repositoryBlob.updateMany({ where: { digest: blob.digest }, data: { reviewAfter: null } });
    expect((await explain(blob.digest)).places[0]).toMatchObject({ because: [{ kind: 'unqueued' }] });
    (await whole.admin.deleteBlob('team/app', blob.digest)).expect(202);
    const { places, objects } = await inAll(blob.digest);
    expect(places).toEqual([]);
    near(objects[0]!.not_before, 900);
  });

  it('of a referrer has its subject, and what keeps that', async () => {
    const subject = anImage();
    const layer = anImage().layers[0]!;
    await whole.admin.push('team/app', subject, 'signed');
    await whole.admin.pushBlob('team/app', layer);
    const referrer = aManifest({ config: layer, subject: subject.manifest });
    const { digest } = referrer;
    (await whole.admin.putManifest('team/app', digest, referrer)).expect(201);
    const chain = [{ kind: 'subject', digest: subject.manifest.digest, because: [{ kind: 'tag', tags: ['signed'] }] }];
    expect((await explain(digest)).places).toMatchObject([{ kept: true, because: chain }]);
    expect((await explain(layer.digest)).places).toMatchObject([
      { kept: true, because: [{ kind: 'manifest', digest, because: chain }] },
    ]);
  });

  it('that nothing protects any more is due, of either kind', async () => {
    const image = anImage();
    const { digest } = image.manifest;
    const stray = anImage().layers[0]!;
    await whole.admin.push('due/app', image, digest);
    await whole.admin.pushBlob('due/app', stray);
    (await admin.ask('PUT', 'namespaces/due/repos/app/untagged-policy', { after_seconds: 0 })).expect(200);
    const longAgo = new Date(0);
    await prisma().$transaction(async (locking) => {
      // The collector waits here, and so is seen to be about to judge.
      await locking.$queryRaw`SELECT FROM registry.repository WHERE path = 'due/app' FOR UPDATE`;
      await locking.$queryRaw`SELECT FROM registry.blob WHERE digest = ${stray.digest} FOR UPDATE`;
      const { manifest, repositoryBlob } = prisma();
      await manifest.updateMany({ where: { digest }, data: { reviewAfter: longAgo, releasedAt: longAgo } });
      await repositoryBlob.updateMany({ where: { digest: stray.digest }, data: { reviewAfter: longAgo } });
      for (const due of [digest, stray.digest]) {
        const { places } = await inAll(due);
        expect(places).toMatchObject([{ kept: false, goes_after: null, because: [{ kind: 'due' }] }]);
      }
    }, PATIENCE);
  });

  it('says of a blob that its object is suspected, and in quarantine, and what to do', async () => {
    const image = anImage();
    await whole.admin.push('team/app', image, 'damaged');
    const digest = blobsOf(image)[1]!.digest as Digest;
    const { objectKey, size } = await prisma().blob.findUniqueOrThrow({ where: { digest } });
    const blob = { digest, objectKey, size: Number(size) };
    const store = new ReconciliationStore(whole.registry.host.database!);
    expect((await inAll(digest)).damage).toBeNull();
    const holder = crypto.randomUUID();
    await prisma().reconciliation.updateMany({ data: { holder, leaseUntil: new Date(Date.now() + 600_000) } });
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    const suspected = await inAll(digest);
    expect(suspected).toMatchObject({ size: blob.size, damage: { state: 'suspected', reason: 'missing' } });
    expect(suspected.damage!.advice).toContain('looked at again');
    await store.seenAgain(holder, { ...blob, reason: 'size' }, { needed: 2, seconds: 0 });
    const quarantined = await inAll(digest);
    expect(quarantined).toMatchObject({
      damage: { state: 'quarantined', reason: 'size' },
      // What is damaged is kept as ever.
      places: [{ kept: true, because: [{ kind: 'manifest' }] }],
    });
    expect(quarantined.damage!.advice).toContain('push an image that has it again');
    expect(new Date(quarantined.damage!.first_seen).getTime()).toBeLessThanOrEqual(Date.now());
    // Who may read the repository is told, of a repository that has not got it nobody is.
    expect((await explain(digest, bob)).damage).toEqual(quarantined.damage);
    expect((await explain(digest, admin, 'namespaces/other/repos/app')).damage).toBeNull();
    await whole.admin.push('team/app', image, 'damaged');
    const repaired = await inAll(digest);
    expect(repaired.damage).toBeNull();
    // The object that was damaged waits for reads that began before.
    expect(repaired.objects).toMatchObject([{ attempts: 0, last_error: null, advice: null }]);
    near(repaired.objects[0]!.not_before, 900);
  });

  it('says of an object that cannot be deleted why, and what to do', async () => {
    const blob = anImage().layers[0]!;
    await whole.admin.pushBlob('team/app', blob);
    (await whole.admin.deleteBlob('team/app', blob.digest)).expect(202);
    await prisma().objectDeletion.updateMany({
      where: { digest: blob.digest },
      data: { attempts: 3, lastError: 'EACCES: permission denied' },
    });
    const { size, places, objects } = await inAll(blob.digest);
    expect([size, places]).toEqual([null, []]);
    expect(objects).toMatchObject([{ attempts: 3, last_error: 'EACCES: permission denied' }]);
    expect(objects[0]!.advice).toContain('look at the object store');
  });

  it('is bounded, and says how much more there is', async () => {
    const [manifest] = await prisma().manifest.findMany({ where: { digest: index.manifest.digest } });
    const tags = Array.from({ length: 50 }, (_, n) => ({
      repositoryId: manifest!.repositoryId,
      name: `w${n}`,
      manifestId: manifest!.id,
    }));
    await prisma().tag.createMany({ data: tags });
    const [place] = (await explain(index.manifest.digest)).places;
    expect(place!.because).toEqual([{ kind: 'tag', tags: ['v1', 'w0', 'w1', 'w10'], more: 47 }]);
  });

  it('is told to nobody who may not read', async () => {
    const refusal = async (path: string, client = bob) => {
      const answer = await client.get(path);
      return `${answer.status} ${codeOf(answer)}`;
    };
    expect(await refusal(`garbage/explain?digest=${layer}`)).toBe('403 SVCSTG.SWR.4039002');
    expect(await refusal('garbage/plan')).toBe('403 SVCSTG.SWR.4039002');
    expect(await refusal(`namespaces/other/repos/app/garbage/explain?digest=${layer}`)).toBe('404 SVCSTG.SWR.4040010');
    for (const query of ['', '?digest=', '?digest=v1', '?digest=sha256:12']) {
      expect(await refusal(`garbage/explain${query}`, admin)).toBe('400 SVCSTG.SWR.4001025');
    }
    // One that is there in another repository alone is not here.
    expect((await explain(layer, admin, 'namespaces/other/repos/app')).places).toEqual([]);
    const nothing = { size: null, damage: null, places: [], more: 0, objects: [] };
    expect(await inAll(UNKNOWN)).toEqual({ digest: UNKNOWN, ...nothing });
  });

  it('is planned for an operator', async () => {
    await prisma().objectDeletion.deleteMany();
    const nothing = { count: 0, bytes: 0 };
    expect((await admin.get('garbage/plan')).expect(200).json()).toEqual({
      manifests: { ...nothing, shown: [] },
      links: { count: 0, shown: [] },
      blobs: nothing,
      objects: nothing,
      complete: true,
    });
    const blob = anImage().layers[0]!;
    await whole.admin.pushBlob('team/app', blob);
    (await whole.admin.deleteBlob('team/app', blob.digest)).expect(202);
    expect((await admin.get('garbage/plan')).json()).toMatchObject({
      objects: { count: 1, bytes: blob.bytes.length },
    });
  });
});
