import { randomUUID } from 'node:crypto';
import { type Digest, parseRepositoryName, type RepositoryName } from '@berth/oci';
import { type BlobObject, ReconciliationLost, ReconciliationStore, type Suspect } from './reconciliation.store.js';
import { GarbageStore } from './garbage.store.js';
import { anyDigest, imageOf, objectKeyOf, onDatabase } from './testing/registry-fixture.js';

const OLD = new Date(0);
const HOUR = 3_600;

describe(ReconciliationStore, () => {
  const on = onDatabase();
  let store: ReconciliationStore;
  let repository: RepositoryName;
  const holder = randomUUID();
  beforeEach(async () => {
    store = new ReconciliationStore(on.test.database);
    repository = await on.registry.repository();
    for (const task of ['objects', 'scrub'] as const) await store.acquire(task, holder, 60);
  });

  const blobOf = async (digest: Digest): Promise<BlobObject> => {
    const [row] = await on.test.rows<{ object_key: string; size: string }>(
      'SELECT object_key, size FROM registry.blob WHERE digest = $1',
      [digest],
    );
    return { digest, objectKey: row!.object_key, size: Number(row!.size) };
  };
  const quarantine = async (digest: Digest): Promise<BlobObject> => {
    const blob = await blobOf(digest);
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    expect(await store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 })).toBe(true);
    return blob;
  };
  /** An object that is listed, and was seen first `seconds` ago. */
  const orphan = async (seconds: number, key = objectKeyOf(anyDigest()), modifiedAt = OLD): Promise<string> => {
    const range = { after: key.slice(0, -1), last: key, objects: [{ key, size: 5, modifiedAt }] };
    await store.recordRange(holder, range, [], {});
    await on.test.rows(
      'UPDATE registry.orphan_object SET first_seen = now() - make_interval(secs => $2) WHERE object_key = $1',
      [key, seconds],
    );
    return key;
  };
  const queued = async () => (await on.registry.deletions()).map((row) => row.object_key);

  describe('an object without a row', () => {
    it('goes where both clocks say that it is old enough', async () => {
      const old = await orphan(2 * HOUR);
      await orphan(HOUR / 2);
      // The store's clock says tomorrow.
      await orphan(2 * HOUR, undefined, new Date(Date.now() + 86_400_000));
      expect(await store.dueOrphans(HOUR)).toBe(1);
      expect(await store.queueOrphans(holder, HOUR, 10)).toBe(1);
      expect(await queued()).toEqual([old]);
    });

    it('stays while an upload is open that began before it was seen, and may still bring it', async () => {
      const upload = await on.registry.completedUpload(repository);
      const other = await orphan(HOUR, upload.objectKey);
      await on.test.rows(`UPDATE storage.upload_session SET started_at = now() - interval '2 hours'`);
      expect(await store.queueOrphans(holder, 0, 10)).toBe(0);
      expect(await on.registry.blobs.commitUpload(upload)).toBe('committed');
      expect(await store.queueOrphans(holder, 0, 10)).toBe(0);
      expect(await queued()).toEqual([]);
      expect((await blobOf(upload.digest)).objectKey).toBe(other);
    });

    it('R3: stays while the commit that brings it is under way, and when it is done', async () => {
      const upload = await on.registry.completedUpload(repository);
      const key = await orphan(HOUR, upload.objectKey);
      await on.test.rows(`UPDATE storage.upload_session SET started_at = now() - interval '2 hours'`);
      const commit = await on.test.session();
      await commit.rows('BEGIN');
      await commit.rows('DELETE FROM storage.upload_session WHERE id = $1', [upload.sessionId]);
      await commit.rows('INSERT INTO registry.blob (digest, object_key, size) VALUES ($1, $2, 5)', [
        upload.digest,
        key,
      ]);
      expect(await store.queueOrphans(holder, 0, 10)).toBe(0);
      await commit.rows('COMMIT');
      expect(await store.queueOrphans(holder, 0, 10)).toBe(0);
      expect(await queued()).toEqual([]);
    });

    it('goes while an upload is open that began behind it', async () => {
      const key = await orphan(2 * HOUR);
      await on.registry.completedUpload(repository);
      expect(await store.queueOrphans(holder, HOUR, 10)).toBe(1);
      expect(await queued()).toEqual([key]);
    });

    it('that a late commit would bring after all, is refused to it: its session is over', async () => {
      const upload = await on.registry.completedUpload(repository);
      await on.registry.sessions.remove(upload);
      await orphan(HOUR, upload.objectKey);
      expect(await store.queueOrphans(holder, 0, 10)).toBe(1);
      expect(await on.registry.blobs.commitUpload(upload)).toBe('session-unknown');
      expect(await on.registry.hasBlob(upload.digest)).toBe(false);
    });

    it('is behind the others where it is an upload that the store could not abort', async () => {
      const keys = ['objects/00/a', 'objects/00/b', 'objects/00/c'];
      const objects = keys.map((key) => ({ key, size: 0, modifiedAt: OLD }));
      await store.recordUploads(holder, { after: '', last: null, objects }, {});
      for (const [n, key] of keys.entries()) {
        await on.test.rows(
          'UPDATE registry.orphan_object SET first_seen = now() - make_interval(hours => $2) WHERE object_key = $1',
          [key, 10 - n],
        );
      }
      expect(await store.dueUploads(HOUR, 2)).toEqual(keys.slice(0, 2));
      await store.forgetUploads(holder, [keys[1]!], [keys[0]!]);
      expect(await store.dueUploads(HOUR, 2)).toEqual([keys[2]]);
      expect(await store.dueUploads(0, 2)).toEqual([keys[2], keys[0]]);
    });

    it('is forgotten where it is not listed any more, and seen anew when it comes back', async () => {
      const key = await orphan(2 * HOUR);
      await store.recordRange(holder, { after: '', last: null, objects: [] }, [], {});
      expect((await store.show()).orphans).toBe(0);
      await store.recordRange(holder, { after: '', last: null, objects: [{ key, size: 5, modifiedAt: OLD }] }, [], {});
      expect(await store.dueOrphans(HOUR)).toBe(0);
    });
  });

  describe('a blob in quarantine', () => {
    let digest: Digest;
    let damaged: BlobObject;
    beforeEach(async () => {
      digest = await on.registry.blob(repository);
      await on.registry.push(repository, imageOf([digest]), ['v1']);
      damaged = await quarantine(digest);
    });

    it('is as good as not there: for a HEAD, a GET, a mount and a manifest', async () => {
      const other = await on.registry.repository(parseRepositoryName('team/other'));
      expect(await on.registry.blobs.findAndLease(repository, digest)).toBeNull();
      expect(await on.registry.blobs.find(repository, digest)).toBeNull();
      expect(await on.registry.blobs.mount(other, repository, digest)).toBe(false);
      expect(await on.registry.put(repository, imageOf([digest], { annotations: { a: 'b' } }))).toMatchObject({
        missing: [{ digest }],
      });
    });

    it('keeps its row, its links and its manifests', async () => {
      expect(await on.registry.hasBlob(digest)).toBe(true);
      expect(await on.registry.count('registry.repository_blob')).toBe(1);
      expect(await on.registry.count('registry.manifest_blob')).toBe(1);
    });

    it('gets the object of the next push, and its own is queued for deletion', async () => {
      const upload = await on.registry.completedUpload(repository, digest);
      expect(await on.registry.blobs.commitUpload(upload)).toBe('committed');
      expect(await blobOf(digest)).toMatchObject({ objectKey: upload.objectKey });
      expect(await on.registry.blobs.find(repository, digest)).toMatchObject({ objectKey: upload.objectKey });
      expect(await queued()).toEqual([damaged.objectKey]);
      // There is nothing at its key: no byte will be freed.
      expect(await on.registry.deletions()).toMatchObject([{ digest, size: 0 }]);
      expect(await store.show()).toMatchObject({ quarantined: 0, suspects: 0 });
    });

    it('frees no byte when it goes, of what is missing', async () => {
      const rotten = await blobOf(await on.registry.blob(repository));
      for (let hash = 0; hash < 2; hash++) await store.rotten(holder, rotten, {});
      await on.test.rows('DELETE FROM registry.tag');
      await on.test.rows('DELETE FROM registry.manifest');
      const garbage = new GarbageStore(on.test.database, { graceSeconds: 0, pullWindowSeconds: 0 });
      for (const one of [digest, rotten.digest]) {
        await on.registry.setReview(repository, one, -1);
        const repositoryId = await on.registry.repositoryId(repository);
        expect(await garbage.reviewLink({ repositoryId, digest: one })).toBe('removed');
      }
      const sizes = new Map((await on.registry.deletions()).map((row) => [row.digest, row.size]));
      expect([sizes.get(digest), sizes.get(rotten.digest)]).toEqual([0, rotten.size]);
    });

    it('is repaired once by two pushes at once: the other object is redundant', async () => {
      const uploads = [
        await on.registry.completedUpload(repository, digest),
        await on.registry.completedUpload(repository, digest),
      ];
      await Promise.all(uploads.map((upload) => on.registry.blobs.commitUpload(upload)));
      const { objectKey } = await blobOf(digest);
      const redundant = uploads.map((upload) => upload.objectKey).filter((key) => key !== objectKey);
      expect(redundant).toHaveLength(1);
      expect(await queued()).toEqual([damaged.objectKey, ...redundant].sort());
    });

    it('comes out of it where its object is listed again by its size', async () => {
      const objects = [{ key: damaged.objectKey, size: damaged.size, modifiedAt: OLD }];
      await store.recordRange(holder, { after: '', last: null, objects }, [], {});
      expect(await on.registry.blobs.find(repository, digest)).toMatchObject({ objectKey: damaged.objectKey });
    });
  });

  it('suspects only what is found so as often as that takes, and with time between', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    expect(await store.dueSuspects(HOUR, 10)).toEqual([]);
    expect(await store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 3, seconds: HOUR })).toBe(false);
    const again = () => store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 3, seconds: 0 });
    expect([await again(), await again()]).toEqual([false, true]);
    expect(await on.registry.blobs.find(repository, blob.digest)).toBeNull();
  });

  it('lifts nothing of an object whose bytes cannot be read because a list shows it', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    const found = { ...blob, reason: 'unreadable' as const, unreadableFrom: 4 };
    await store.suspect(holder, [found], {});
    expect(await store.dueSuspects(0, 10)).toEqual([{ ...blob, unreadableFrom: 4, sightings: 1 }]);
    const objects = [{ key: blob.objectKey, size: blob.size, modifiedAt: OLD }];
    const list = () => store.recordRange(holder, { after: '', last: null, objects }, [], {});
    await list();
    expect(await store.seenAgain(holder, found, { needed: 2, seconds: 0 })).toBe(true);
    await list();
    expect(await on.registry.blobs.find(repository, blob.digest)).toBeNull();
    expect(await store.clear(holder, blob, {})).toBe(true);
    expect(await on.registry.blobs.find(repository, blob.digest)).not.toBeNull();
  });

  describe('a worker that was stopped before it wrote what it found', () => {
    let blob: BlobObject;
    let suspect: Suspect;
    const other = randomUUID();
    beforeEach(async () => {
      blob = await blobOf(await on.registry.blob(repository));
      await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
      [suspect] = (await store.dueSuspects(0, 10)) as [Suspect];
    });
    const losesItsLeases = async () => {
      await on.test.rows(`UPDATE registry.reconciliation SET lease_until = now()`);
      for (const task of ['objects', 'scrub'] as const) await store.acquire(task, other, 60);
    };
    const rows = () => on.test.rows('SELECT * FROM registry.blob_quarantine');

    it.each<[string, () => Promise<unknown>]>([
      ['that it is right', () => store.acquit(holder, suspect)],
      ['that its bytes are right', () => store.clear(holder, blob, {})],
      ['that it is damaged', () => store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 })],
      ['that another is damaged', () => store.suspect(holder, [{ ...blob, reason: 'size' }], {})],
      ['that its bytes are wrong', () => store.rotten(holder, blob, {})],
    ])('writes nothing where its lease is over: %s', async (_what, write) => {
      await losesItsLeases();
      const before = await rows();
      await expect(write()).rejects.toThrow(ReconciliationLost);
      expect(await rows()).toEqual(before);
    });

    it('lifts no quarantine that was made since, though it has the lease again', async () => {
      await store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 });
      await store.acquit(holder, suspect);
      expect(await on.registry.blobs.find(repository, blob.digest)).toBeNull();
    });

    it('does not acquit the object that the blob has had since', async () => {
      await on.test.rows('UPDATE registry.blob SET object_key = $2 WHERE digest = $1', [blob.digest, 'objects/00/new']);
      await on.test.rows('UPDATE registry.blob_quarantine SET object_key = $1', ['objects/00/new']);
      await store.acquit(holder, suspect);
      await store.clear(holder, blob, {});
      expect(await rows()).toHaveLength(1);
    });
  });

  it('ends a quarantine by the bytes of the object that the blob has now', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    for (let hash = 0; hash < 2; hash++) await store.rotten(holder, blob, {});
    await on.test.rows(`UPDATE registry.blob SET object_key = 'objects/00/by-hand' WHERE digest = $1`, [blob.digest]);
    expect(await store.clear(holder, blob, {})).toBe(false);
    expect(await store.clear(holder, { ...blob, objectKey: 'objects/00/by-hand' }, {})).toBe(true);
  });

  it('judges what was hashed wrong once and has gone since as missing', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    expect(await store.rotten(holder, blob, {})).toBe('suspected');
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    expect(await store.dueSuspects(0, 10)).toEqual([{ ...blob, unreadableFrom: null, sightings: 1 }]);
    expect(await store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 })).toBe(true);
  });

  it('takes the object of a push for a blob that is only suspected, too', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    const upload = await on.registry.completedUpload(repository, blob.digest);
    expect(await on.registry.blobs.commitUpload(upload)).toBe('committed');
    expect(await blobOf(blob.digest)).toMatchObject({ objectKey: upload.objectKey });
    // It was found missing once, and may be there.
    expect(await on.registry.deletions()).toMatchObject([{ object_key: blob.objectKey, size: blob.size }]);
    expect(await store.show()).toMatchObject({ quarantined: 0, suspects: 0 });
  });

  it('does not suspect the object that a push has brought meanwhile', async () => {
    const blob = await blobOf(await on.registry.blob(repository));
    await store.suspect(holder, [{ ...blob, objectKey: 'objects/00/another', reason: 'missing' }], {});
    expect((await store.show()).suspects).toBe(0);
  });

  describe('a task', () => {
    it('is for one holder, until its lease is over', async () => {
      const other = randomUUID();
      expect(await store.acquire('objects', other, 60)).toBeNull();
      await on.test.rows(`UPDATE registry.reconciliation SET lease_until = now()`);
      expect(await store.acquire('objects', other, 60)).not.toBeNull();
      await expect(store.step('objects', holder, { objects: 1 })).rejects.toThrow(ReconciliationLost);
    });

    it('whose lease is over writes nothing of what it found', async () => {
      await on.test.rows(`UPDATE registry.reconciliation SET lease_until = now()`);
      await expect(orphan(0)).rejects.toThrow(ReconciliationLost);
      expect((await store.show()).orphans).toBe(0);
    });

    it('goes on where it stood, for whoever takes it over', async () => {
      await store.begin('objects', holder, 'listing');
      await store.step('objects', holder, { position: 'objects/ab', objects: 7 });
      await store.release(holder);
      expect(await store.acquire('objects', randomUUID(), 60)).toMatchObject({
        phase: 'listing',
        position: 'objects/ab',
        objects: 7,
      });
    });
  });

  it('compares no more rows at once than it can hold, and so all of them', async () => {
    await on.test.rows(
      `INSERT INTO registry.blob (digest, object_key, size) SELECT 'sha256:' || lpad(n::text, 64, '0'), 'objects/' || lpad(n::text, 6, '0'), 1
       FROM generate_series(1, 5000) n`,
    );
    let [after, blobs, holes] = ['', 0, 0];
    for (let last: string | null = ''; last !== null; after = last ?? '') {
      const compared = await store.compare({ after, last: null, objects: [] });
      expect(compared.blobs).toBeLessThanOrEqual(2_000);
      blobs += compared.blobs;
      holes += compared.holes.length;
      last = compared.range.last;
    }
    expect([blobs, holes]).toEqual([5_000, 5_000]);
  });
});
