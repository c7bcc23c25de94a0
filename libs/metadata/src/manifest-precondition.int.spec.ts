import { type Digest, parseReference, type RepositoryName, type Tag } from '@berth/oci';
import { ManifestStore, type NewManifest } from './manifest.store.js';
import {
  imageOf,
  type ManifestOfTest,
  newManifest,
  onDatabase,
  type RegistryFixture,
} from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

const LATEST = 'latest' as Tag;
const absent = (named: Digest | null) => named === null;

describe(`a push to ${ManifestStore.name} with a precondition`, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let images: ManifestOfTest[];

  beforeEach(async () => {
    ({ test, registry } = on);
    repository = await registry.repository();
    images = (await registry.blobsOf(repository, 4)).map((blob) => imageOf([blob]));
  });

  const push = (n: number, holds: (named: Digest | null) => boolean, store = registry.manifests) => {
    const precondition: NewManifest['precondition'] = { tag: LATEST, holds };
    return store.put({ ...newManifest(repository, images[n]!, [LATEST]), precondition });
  };
  const digestOf = (n: number) => images[n]!.entry.digest;
  const names = (n: number) => (named: Digest | null) => named === digestOf(n);
  const named = async () => (await registry.manifests.find(repository, parseReference(LATEST), []))?.digest;
  /** Only these manifests were stored, each with its event. */
  const onlyStored = async (...expected: number[]) => {
    const rows = await test.rows<{ digest: string }>('SELECT digest FROM registry.manifest ORDER BY 1');
    expect(rows.map(({ digest }) => digest)).toEqual(expected.map(digestOf).sort());
    expect(await registry.count('registry.outbox_event')).toBe(expected.length);
  };

  it('is stored where it holds, and changes nothing where it does not', async () => {
    expect(await push(0, names(1))).toBe('precondition-failed');
    await onlyStored();
    expect(await push(0, absent)).toBe('stored');
    expect(await push(1, absent)).toBe('precondition-failed');
    expect(await push(1, names(2))).toBe('precondition-failed');
    expect(await named()).toBe(digestOf(0));
    await onlyStored(0);
    expect(await push(1, names(0))).toBe('stored');
    expect(await named()).toBe(digestOf(1));
    await onlyStored(0, 1);
  });

  it('looks at the tag as it is when the push is its turn: of two that expect the same manifest one is stored', async () => {
    await push(0, absent);
    const gate = await test.session();
    await gate.rows('BEGIN');
    await gate.rows('SELECT 1 FROM registry.tag FOR UPDATE');
    const updates = [push(1, names(0)), push(2, names(0))];
    await test.untilWaiting(2);
    await gate.rows('COMMIT');
    const outcomes = await Promise.all(updates);
    expect([...outcomes].sort()).toEqual(['precondition-failed', 'stored']);
    const winner = outcomes.indexOf('stored') + 1;
    expect(await named()).toBe(digestOf(winner));
    await onlyStored(0, winner);
  });

  it.each([
    ['another one that expects it too', () => push(1, absent)],
    ['a push that expects nothing', () => registry.put(repository, images[1]!, [LATEST])],
  ])('that there is no such tag fails where it was made meanwhile by %s', async (_who, other) => {
    const database = test.pausing();
    const { reached, goOn } = database.pauseBefore('manifest-put');
    const slow = push(0, absent, new ManifestStore(database));
    await reached;
    expect(await other()).toBe('stored');
    goOn();
    expect(await slow).toBe('precondition-failed');
    expect(await named()).toBe(digestOf(1));
    await onlyStored(1);
  });

  it('that the tag names a manifest fails where the tag is deleted first', async () => {
    await push(0, absent);
    const gate = await test.session();
    await gate.rows('BEGIN');
    await gate.rows('DELETE FROM registry.tag');
    const update = push(1, names(0));
    await test.untilWaiting(1);
    await gate.rows('COMMIT');
    expect(await update).toBe('precondition-failed');
    expect(await named()).toBeUndefined();
  });

  it('meets the deletion of the manifest that the tag names, and neither caller sees a deadlock', async () => {
    await push(0, absent);
    const gate = await test.session();
    await gate.rows('BEGIN');
    await gate.rows('SELECT 1 FROM registry.tag FOR UPDATE');
    const moved = push(1, names(0));
    await test.untilWaiting(1);
    const deleted = registry.remove(repository, digestOf(0));
    await test.untilWaiting(2);
    await gate.rows('COMMIT');
    expect(await deleted).toBe('deleted');
    // Whoever was first: the tag was moved away before, or went with the manifest that it was to name.
    expect(await moved).toBe((await named()) === digestOf(1) ? 'stored' : 'precondition-failed');
  });

  it('names what is missing rather than judging', async () => {
    const missing = imageOf([await registry.blob(await registry.repository())]);
    const put = newManifest(repository, missing, [LATEST]);
    const outcome = await registry.manifests.put({ ...put, precondition: { tag: LATEST, holds: () => false } });
    expect(outcome).toHaveProperty('missing');
  });
});
