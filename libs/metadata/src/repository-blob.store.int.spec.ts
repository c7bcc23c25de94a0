import { randomUUID } from 'node:crypto';
import { parseRepositoryName, type RepositoryName } from '@berth/oci';
import { RepositoryBlobStore } from './repository-blob.store.js';
import {
  anyDigest,
  imageOf,
  LEASE_SECONDS,
  onDatabase,
  PULL_WINDOW_SECONDS,
  type RegistryFixture,
} from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

const NOWHERE = parseRepositoryName('acme/nowhere');
const HALF = LEASE_SECONDS / 2;

describe(RepositoryBlobStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: RepositoryBlobStore;

  beforeEach(async () => {
    ({ test, registry } = on);
    store = registry.blobs;
    repository = await registry.repository();
  });

  const sessions = () => registry.count('storage.upload_session');

  describe('commitUpload', () => {
    it('ends the session, and gives the repository the blob with a lease', async () => {
      const upload = await registry.completedUpload(repository);
      expect(await store.commitUpload(upload)).toBe('committed');
      expect(await sessions()).toBe(0);
      const { digest, objectKey, size } = upload;
      expect(await store.find(repository, digest)).toEqual({ digest, objectKey, size });
      expect(await registry.reviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
      expect(await registry.deletions()).toEqual([]);
    });

    it('keeps the object that is there, and queues the new one, when the bytes were uploaded before', async () => {
      const other = await registry.repository();
      const digest = await registry.blob(other);
      const kept = (await store.find(other, digest))!.objectKey;
      const upload = await registry.completedUpload(repository, digest);
      expect(await store.commitUpload(upload)).toBe('committed');
      expect((await store.find(repository, digest))?.objectKey).toBe(kept);
      expect(await registry.deletions()).toMatchObject([{ object_key: upload.objectKey }]);
      expect((await registry.deletions())[0]!.seconds).toBeLessThanOrEqual(0);
    });

    it('lets two uploads of the same new digest at once both succeed, with one blob and one object to delete', async () => {
      const other = await registry.repository();
      const first = await registry.completedUpload(repository);
      const second = await registry.completedUpload(other, first.digest);
      expect(await Promise.all([store.commitUpload(first), store.commitUpload(second)])).toEqual([
        'committed',
        'committed',
      ]);
      const kept = (await store.find(repository, first.digest))!.objectKey;
      expect((await store.find(other, first.digest))!.objectKey).toBe(kept);
      const redundant = kept === first.objectKey ? second.objectKey : first.objectKey;
      expect(await registry.deletions()).toMatchObject([{ object_key: redundant }]);
    });

    it('does not shorten a lease', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, 2 * LEASE_SECONDS);
      await registry.blob(repository, digest);
      expect(await registry.reviewOf(repository, digest)).toBeGreaterThan(2 * LEASE_SECONDS - 60);
    });

    it('protects a link again that was overdue', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, -100);
      await registry.blob(repository, digest);
      expect(await registry.reviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
    });

    it('changes nothing where the repository does not exist', async () => {
      const upload = await registry.completedUpload(NOWHERE);
      expect(await store.commitUpload(upload)).toBe('repository-unknown');
      expect(await sessions()).toBe(1);
      expect(await registry.hasBlob(upload.digest)).toBe(false);
      expect(await registry.deletions()).toEqual([]);
    });

    it('changes nothing for a claim that was taken over', async () => {
      const upload = await registry.completedUpload(repository);
      await registry.sessions.claim({ sessionId: upload.sessionId, repository }, randomUUID(), null);
      expect(await store.commitUpload(upload)).toBe('session-unknown');
      expect(await sessions()).toBe(1);
      expect(await registry.hasBlob(upload.digest)).toBe(false);
      expect(await registry.deletions()).toEqual([]);
    });

    it('does not know the session any more after it was committed, and does not queue the object of the blob', async () => {
      const upload = await registry.completedUpload(repository);
      await store.commitUpload(upload);
      expect(await store.commitUpload(upload)).toBe('session-unknown');
      expect(await registry.deletions()).toEqual([]);
      expect(await store.find(repository, upload.digest)).not.toBeNull();
    });

    it('commits once when the same commit runs twice at once', async () => {
      const upload = await registry.completedUpload(repository);
      const outcomes = await Promise.all([store.commitUpload(upload), store.commitUpload(upload)]);
      expect(outcomes.sort()).toEqual(['committed', 'session-unknown']);
      expect(await registry.deletions()).toEqual([]);
    });
  });

  it('discards an object with what it held, but none that a blob has', async () => {
    const [upload, committed] = [
      await registry.completedUpload(repository),
      await registry.completedUpload(repository),
    ];
    await store.commitUpload(committed);
    for (const each of [upload, committed]) await store.discard(each);
    const { objectKey, digest, size } = upload;
    expect(await registry.deletions()).toMatchObject([{ object_key: objectKey, digest, size }]);
  });

  describe('find', () => {
    it('does not give a blob to a repository that has no link to it, though another repository has', async () => {
      const digest = await registry.blob(repository);
      const other = await registry.repository();
      expect(await store.find(other, digest)).toBeNull();
      expect(await store.findAndLease(other, digest)).toBeNull();
      expect(await store.find(NOWHERE, digest)).toBeNull();
    });

    it('does not write', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, -100);
      const before = await registry.linkVersion(repository, digest);
      await store.find(repository, digest);
      expect(await registry.linkVersion(repository, digest)).toBe(before);
    });
  });

  describe('findAndLease', () => {
    const versions = async (digest: Parameters<RepositoryBlobStore['find']>[1]) => {
      const before = await registry.linkVersion(repository, digest);
      expect(await store.findAndLease(repository, digest)).toMatchObject({ digest });
      return { before, after: await registry.linkVersion(repository, digest) };
    };

    it('writes nothing while more than half of the lease is left', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, HALF + 60);
      const { before, after } = await versions(digest);
      expect(after).toBe(before);
    });

    it('renews a lease that is past its half', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, HALF - 60);
      await store.findAndLease(repository, digest);
      expect(await registry.reviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
    });

    it('protects an orphan whose lease ended long ago and that nobody has collected yet', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, -100_000);
      expect(await store.findAndLease(repository, digest)).not.toBeNull();
      expect(await registry.reviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
    });

    it.each([
      ['settled', null],
      ['waiting for its review', -100],
      ['past the half of its lease', HALF - 60],
    ])('writes nothing for a blob that a manifest references and whose link is %s', async (_state, seconds) => {
      const digest = await registry.blob(repository);
      await registry.push(repository, imageOf([digest]));
      await registry.setReview(repository, digest, seconds);
      const { before, after } = await versions(digest);
      expect(after).toBe(before);
    });

    it('gives null, not a promise it cannot keep, when the link goes while it waits to lease it', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, -100);
      const collector = await test.session();
      await collector.rows('BEGIN');
      await collector.rows('SELECT 1 FROM registry.repository_blob WHERE digest = $1 FOR UPDATE', [digest]);
      const head = store.findAndLease(repository, digest);
      await test.untilWaiting(1);
      await collector.rows('DELETE FROM registry.repository_blob WHERE digest = $1', [digest]);
      await collector.rows('COMMIT');
      expect(await head).toBeNull();
    });
  });

  describe('mount', () => {
    it('links the blob of the other repository, with a lease', async () => {
      const digest = await registry.blob(repository);
      const target = await registry.repository();
      expect(await store.mount(target, repository, digest)).toBe(true);
      expect(await store.find(target, digest)).toEqual(await store.find(repository, digest));
      expect(await registry.reviewOf(target, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
    });

    it('links nothing where the source repository has no such blob, though the registry has it', async () => {
      const digest = await registry.blob(await registry.repository());
      const target = await registry.repository();
      expect(await store.mount(target, repository, digest)).toBe(false);
      expect(await store.mount(target, NOWHERE, digest)).toBe(false);
      expect(await store.mount(target, repository, anyDigest())).toBe(false);
      expect(await store.find(target, digest)).toBeNull();
    });

    it('links nothing into a repository that does not exist', async () => {
      const digest = await registry.blob(repository);
      expect(await store.mount(NOWHERE, repository, digest)).toBe(false);
    });

    it('renews the lease of a link that is there already, and never shortens it', async () => {
      const digest = await registry.blob(repository);
      const target = await registry.repository();
      await store.mount(target, repository, digest);
      await registry.setReview(target, digest, -100);
      expect(await store.mount(target, repository, digest)).toBe(true);
      expect(await registry.reviewOf(target, digest)).toBeGreaterThan(LEASE_SECONDS - 60);
      await registry.setReview(target, digest, 2 * LEASE_SECONDS);
      await store.mount(target, repository, digest);
      expect(await registry.reviewOf(target, digest)).toBeGreaterThan(2 * LEASE_SECONDS - 60);
    });

    /** A removal of the blob's only link, which has its locks and has not decided yet. */
    const removalOf = async (digest: string) => {
      const collector = await test.session();
      await collector.rows('BEGIN');
      await collector.rows('SELECT 1 FROM registry.blob WHERE digest = $1 FOR UPDATE', [digest]);
      return {
        finish: async () => {
          await collector.rows('DELETE FROM registry.repository_blob WHERE digest = $1', [digest]);
          await collector.rows('DELETE FROM registry.blob WHERE digest = $1', [digest]);
          await collector.rows('COMMIT');
        },
        giveUp: () => collector.rows('ROLLBACK'),
      };
    };

    it('waits for a removal that has begun, and then finds that there is nothing to mount', async () => {
      const digest = await registry.blob(repository);
      const target = await registry.repository();
      const removal = await removalOf(digest);
      const mounted = store.mount(target, repository, digest);
      await test.untilWaiting(1);
      await removal.finish();
      expect(await mounted).toBe(false);
      expect(await store.find(target, digest)).toBeNull();
      expect(await registry.hasBlob(digest)).toBe(false);
    });

    it('mounts when the removal it waited for decides to keep the blob', async () => {
      const digest = await registry.blob(repository);
      const target = await registry.repository();
      const removal = await removalOf(digest);
      const mounted = store.mount(target, repository, digest);
      await test.untilWaiting(1);
      await removal.giveUp();
      expect(await mounted).toBe(true);
      expect(await store.find(target, digest)).not.toBeNull();
    });
  });

  describe('unlink', () => {
    it('removes the blob with its last link, and queues its object until no granted read can run any more', async () => {
      const digest = await registry.blob(repository);
      const { objectKey } = (await store.find(repository, digest))!;
      expect(await store.unlink(repository, digest)).toBe('unlinked');
      expect(await registry.hasBlob(digest)).toBe(false);
      const deletions = await registry.deletions();
      expect(deletions).toMatchObject([{ object_key: objectKey, attempts: 0 }]);
      expect(deletions[0]!.seconds).toBeGreaterThan(PULL_WINDOW_SECONDS - 60);
      expect(deletions[0]!.seconds).toBeLessThanOrEqual(PULL_WINDOW_SECONDS);
    });

    it('keeps the blob while another repository has a link to it', async () => {
      const digest = await registry.blob(repository);
      const other = await registry.repository();
      await store.mount(other, repository, digest);
      expect(await store.unlink(repository, digest)).toBe('unlinked');
      expect(await store.find(repository, digest)).toBeNull();
      expect(await store.find(other, digest)).not.toBeNull();
      expect(await registry.deletions()).toEqual([]);
    });

    it('is refused while a manifest of the repository references the blob', async () => {
      const digest = await registry.blob(repository);
      await registry.push(repository, imageOf([digest]));
      expect(await store.unlink(repository, digest)).toBe('referenced');
      expect(await store.find(repository, digest)).not.toBeNull();
    });

    it('is not refused for the sake of a manifest in another repository', async () => {
      const digest = await registry.blob(repository);
      const other = await registry.repository();
      await store.mount(other, repository, digest);
      await registry.push(other, imageOf([digest]));
      expect(await store.unlink(repository, digest)).toBe('unlinked');
      expect(await store.find(other, digest)).not.toBeNull();
    });

    it('does not know a blob that the repository does not have', async () => {
      const digest = await registry.blob(await registry.repository());
      expect(await store.unlink(repository, digest)).toBe('unknown');
      expect(await store.unlink(repository, anyDigest())).toBe('unknown');
      expect(await store.unlink(NOWHERE, digest)).toBe('unknown');
    });

    it('is refused when a manifest references the blob in the moment between its look and its delete', async () => {
      const digest = await registry.blob(repository);
      const gate = await test.session();
      await gate.rows('BEGIN');
      await gate.rows('SELECT 1 FROM registry.blob WHERE digest = $1 FOR UPDATE', [digest]);
      const unlinked = store.unlink(repository, digest);
      await test.untilWaiting(1);
      await registry.push(repository, imageOf([digest]));
      await gate.rows('COMMIT');
      expect(await unlinked).toBe('referenced');
      expect(await store.find(repository, digest)).not.toBeNull();
    });
  });
});
