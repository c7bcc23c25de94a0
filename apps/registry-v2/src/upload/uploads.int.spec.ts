import { COMMIT_UPLOAD, DELETE_BLOB, FIND_BLOB, START_UPLOAD, type StartUploadV1 } from '@berth/contracts';
import { type Digest, parseRepositoryName, registryError, type RepositoryName } from '@berth/oci';
import { startPostgres, type TestPostgres } from '@berth/testing';
import { Logger } from '@nestjs/common';
import { failureOf, type RegistryUnderTest, someDigest, startRegistry } from '../testing/registry-under-test.js';
import { CommitUpload } from './commit-upload.js';
import { StartUpload } from './start-upload.js';

jest.setTimeout(60_000);

let postgres: TestPostgres;
let registry: RegistryUnderTest;
beforeAll(async () => {
  postgres = await startPostgres();
  registry = await startRegistry(await postgres.createDatabase());
});
afterAll(async () => {
  await registry.stop();
  await postgres.stop();
});
beforeEach(() => {
  registry.manage.refuse = null;
  registry.manage.asked.length = 0;
});

const commit = (repository: RepositoryName, sessionId: string, digest: Digest, over = {}) =>
  registry.bus.request(COMMIT_UPLOAD, { repository, sessionId, digest, ...over });
const find = (repository: RepositoryName, digest: Digest) =>
  registry.bus.request(FIND_BLOB, { repository, digest, lease: false });
const UNKNOWN = { code: 'BLOB_UNKNOWN', status: 404 };

async function pushed(name: string, size = 10): Promise<{ repository: RepositoryName; digest: Digest }> {
  const repository = await registry.repository(name);
  const digest = someDigest();
  await commit(repository, await registry.session(repository, size), digest);
  return { repository, digest };
}

describe(CommitUpload, () => {
  it('makes the blob true, and ends the session', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest] = [await registry.session(repository, 42), someDigest()];
    expect(await commit(repository, sessionId, digest)).toEqual({ digest, size: 42 });
    expect(await find(repository, digest)).toMatchObject({ digest, size: 42 });
    expect(await registry.sessions.find({ sessionId, repository })).toBeNull();
  });

  it('of a blob that another repository has shares its object, and queues the new one', async () => {
    const first = await pushed('team/one');
    const { objectKey } = await find(first.repository, first.digest);
    const repository = await registry.repository('team/two');
    const queued = await registry.count('registry.object_deletion');
    await commit(repository, await registry.session(repository), first.digest);
    expect((await find(repository, first.digest)).objectKey).toBe(objectKey);
    expect(await registry.count('registry.object_deletion')).toBe(queued + 1);
  });

  it('asked again after its answer was lost gives the blob, with a lease', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest] = [await registry.session(repository), someDigest()];
    const { size } = await commit(repository, sessionId, digest);
    const link = { where: { digest } };
    const { prisma } = registry.database;
    await prisma.repositoryBlob.updateMany({ ...link, data: { reviewAfter: new Date(0) } });
    expect(await commit(repository, sessionId, digest, { again: true })).toEqual({ digest, size });
    const { reviewAfter } = await prisma.repositoryBlob.findFirstOrThrow(link);
    expect(reviewAfter!.getTime()).toBeGreaterThan(Date.now());
  });

  it('replayed after its answer was lost says that the session is over, and the blob stays', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest] = [await registry.session(repository), someDigest()];
    await commit(repository, sessionId, digest);
    const blob = await find(repository, digest);
    expect(await failureOf(commit(repository, sessionId, digest))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await find(repository, digest)).toEqual(blob);
  });

  it('of what the data plane has completed does not ask storage again', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest, claim] = [await registry.session(repository), someDigest(), crypto.randomUUID()];
    await registry.sessions.claim({ sessionId, repository }, claim, null);
    const asked = registry.storage.completed.length;
    const completed = { claim, objectKey: `objects/11/${sessionId}`, size: 7 };
    expect(await commit(repository, sessionId, digest, { completed })).toEqual({ digest, size: 7 });
    expect((await find(repository, digest)).objectKey).toBe(completed.objectKey);
    expect(registry.storage.completed).toHaveLength(asked);
  });

  it('with the claim of an append that was taken over makes nothing true', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest] = [await registry.session(repository), someDigest()];
    const stale = { claim: crypto.randomUUID(), objectKey: `objects/22/${sessionId}`, size: 7 };
    await registry.sessions.claim({ sessionId, repository }, stale.claim, null);
    await registry.sessions.claim({ sessionId, repository }, crypto.randomUUID(), null);
    expect(await failureOf(commit(repository, sessionId, digest, { completed: stale }))).toMatchObject({
      code: 'BLOB_UPLOAD_UNKNOWN',
    });
    expect(await failureOf(find(repository, digest))).toMatchObject(UNKNOWN);
    expect(await registry.sessions.find({ sessionId, repository })).not.toBeNull();
  });

  it('with the claim of an append that was taken over leaves no object behind', async () => {
    const repository = await registry.repository('team/app');
    const [sessionId, digest] = [await registry.session(repository), someDigest()];
    const completed = { claim: crypto.randomUUID(), objectKey: `objects/33/${sessionId}`, size: 7 };
    await registry.sessions.claim({ sessionId, repository }, crypto.randomUUID(), null);
    const queued = await registry.count('registry.object_deletion');
    expect(await failureOf(commit(repository, sessionId, digest, { completed }))).not.toBeNull();
    expect(await registry.count('registry.object_deletion')).toBe(queued + 1);
  });

  it('of a session of another repository makes nothing true', async () => {
    const [mine, other] = [await registry.repository('team/app'), await registry.repository('team/other')];
    const [sessionId, digest] = [await registry.session(other), someDigest()];
    expect(await failureOf(commit(mine, sessionId, digest))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await failureOf(find(mine, digest))).toMatchObject(UNKNOWN);
  });

  it('of a session of another user, or of one that started behind the end of a token, makes nothing true', async () => {
    const repository = await registry.repository('team/app');
    const digest = someDigest();
    const { userId } = registry;
    const sessionId = await registry.session(repository, 10, userId);
    for (const over of [{}, { userId: crypto.randomUUID() }, { userId, startedBy: 1 }]) {
      expect(await failureOf(commit(repository, sessionId, digest, over))).toMatchObject({
        code: 'BLOB_UPLOAD_UNKNOWN',
      });
    }
    expect(await failureOf(find(repository, digest))).toMatchObject(UNKNOWN);
    const startedBy = Math.ceil(Date.now() / 1000) + 60;
    expect(await commit(repository, sessionId, digest, { userId, startedBy })).toMatchObject({ digest });
  });

  it('as a first push makes organisation and repository, private, for the pusher', async () => {
    const repository = parseRepositoryName(`new-${crypto.randomUUID()}/app`);
    const { userId } = registry;
    const digest = someDigest();
    await commit(repository, await registry.session(repository, 10, userId), digest, { userId });
    expect(registry.manage.asked).toEqual([{ name: repository.split('/')[0], creatorId: userId }]);
    expect(await find(repository, digest)).toMatchObject({ digest });
    const row = await registry.database.prisma.repository.findUnique({ where: { path: repository } });
    expect(row?.isPublic).toBe(false);
  });

  it('in an organisation that may not be made leaves neither repository nor session', async () => {
    const repository = parseRepositoryName('denied/app');
    registry.manage.refuse = registryError('DENIED');
    const sessionId = await registry.session(repository);
    expect(await failureOf(commit(repository, sessionId, someDigest()))).toMatchObject({ code: 'DENIED', status: 403 });
    expect(await registry.sessions.find({ sessionId, repository })).toBeNull();
    expect(registry.storage.cancelled.at(-1)).toMatchObject({ sessionId });
  });

  it('of what the data plane has completed, while manage is away, names the object and does not touch it', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const repository = parseRepositoryName(`later-${crypto.randomUUID()}/app`);
    const [sessionId, digest, claim] = [await registry.session(repository), someDigest(), crypto.randomUUID()];
    await registry.sessions.claim({ sessionId, repository }, claim, null);
    const completed = { claim, objectKey: `objects/44/${sessionId}`, size: 7 };
    registry.manage.refuse = registryError('UNAVAILABLE');
    const queued = await registry.count('registry.object_deletion');
    expect(await failureOf(commit(repository, sessionId, digest, { completed }))).toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ objectKey: completed.objectKey, digest }));
    expect(await registry.count('registry.object_deletion')).toBe(queued);
    registry.manage.refuse = null;
    expect(await commit(repository, sessionId, digest, { completed })).toEqual({ digest, size: 7 });
    expect((await find(repository, digest)).objectKey).toBe(completed.objectKey);
    warned.mockRestore();
  });

  it('while manage is away keeps the session, so that the push can be tried again', async () => {
    const repository = parseRepositoryName(`later-${crypto.randomUUID()}/app`);
    const [sessionId, digest] = [await registry.session(repository), someDigest()];
    registry.manage.refuse = registryError('UNAVAILABLE');
    expect(await failureOf(commit(repository, sessionId, digest))).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    registry.manage.refuse = null;
    expect(await commit(repository, sessionId, digest)).toMatchObject({ digest });
  });
});

describe(StartUpload, () => {
  const start = (repository: RepositoryName, over: Partial<StartUploadV1> = {}) =>
    registry.bus.request(START_UPLOAD, { repository, algorithm: 'sha256', ...over });
  const session = { sessionId: expect.any(String) as unknown };

  it('opens a session that is the pusher’s, and in open mode nobody’s', async () => {
    const repository = await registry.repository('team/app');
    const { userId } = registry;
    const own = (await start(repository, { userId })) as { sessionId: string };
    expect(await registry.sessions.find({ ...own, repository })).toBeNull();
    expect(await registry.sessions.find({ ...own, repository, ownerId: userId })).not.toBeNull();
    const open = (await start(repository)) as { sessionId: string };
    expect(await registry.sessions.find({ ...open, repository })).not.toBeNull();
  });

  it('opens a session, also in a repository that does not exist yet', async () => {
    expect(await start(await registry.repository('team/app'))).toEqual(session);
    expect(await start(parseRepositoryName('fresh/app'))).toEqual(session);
    expect(registry.manage.asked).toEqual([]);
  });

  describe('with a mount', () => {
    it('links what the source has', async () => {
      const { repository: from, digest } = await pushed('team/source');
      const repository = await registry.repository('team/target');
      expect(await start(repository, { mount: digest, from })).toEqual({ mounted: digest });
      expect(await find(repository, digest)).toEqual(await find(from, digest));
    });

    it('is harmless when it is repeated, and within one repository', async () => {
      const { repository, digest } = await pushed('team/again');
      for (let n = 0; n < 2; n++) {
        expect(await start(repository, { mount: digest, from: repository })).toEqual({ mounted: digest });
      }
    });

    it('makes the repository that it is the first push of', async () => {
      const { repository: from, digest } = await pushed('team/source');
      const repository = parseRepositoryName(`mounted-${crypto.randomUUID()}/app`);
      const { userId } = registry;
      expect(await start(repository, { mount: digest, from, userId })).toEqual({ mounted: digest });
      expect(registry.manage.asked).toEqual([{ name: repository.split('/')[0], creatorId: userId }]);
      expect(await find(repository, digest)).toMatchObject({ digest });
    });

    it('opens a session where the source does not have it, or does not exist', async () => {
      const repository = await registry.repository('team/target');
      const { repository: source } = await pushed('team/source');
      for (const from of [source, parseRepositoryName('no/where')]) {
        expect(await start(repository, { mount: someDigest(), from })).toEqual(session);
      }
    });

    it('makes no repository for a mount that cannot be', async () => {
      const repository = parseRepositoryName('never/app');
      const { repository: from } = await pushed('team/source');
      expect(await start(repository, { mount: someDigest(), from })).toEqual(session);
      expect(registry.manage.asked).toEqual([]);
    });
  });
});

describe('a blob', () => {
  it('is found in its own repository only', async () => {
    const { digest } = await pushed('team/app');
    const other = await registry.repository('team/other');
    expect(await failureOf(find(other, digest))).toMatchObject(UNKNOWN);
    expect(await failureOf(find(parseRepositoryName('no/where'), digest))).toMatchObject(UNKNOWN);
  });

  it('is taken out of one repository, and stays in the others', async () => {
    const { repository, digest } = await pushed('team/app');
    const other = await registry.repository('team/other');
    await registry.bus.request(START_UPLOAD, {
      repository: other,
      algorithm: 'sha256',
      mount: digest,
      from: repository,
    });
    const remove = () => registry.bus.request(DELETE_BLOB, { repository, digest });
    expect(await remove()).toEqual({ digest });
    expect(await failureOf(find(repository, digest))).toMatchObject(UNKNOWN);
    expect(await failureOf(remove())).toMatchObject(UNKNOWN);
    expect(await find(other, digest)).toMatchObject({ digest });
  });
});
