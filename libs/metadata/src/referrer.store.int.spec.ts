import { type Digest, parseRepositoryName, type RepositoryName } from '@berth/oci';
import { type ReferrerQuery, ReferrerStore } from './referrer.store.js';
import {
  anyDigest,
  blobEntry,
  type Entry,
  imageOf,
  indexOf,
  type ManifestOfTest,
  onDatabase,
  type RegistryFixture,
} from './testing/registry-fixture.js';
import { aManifest, jsonManifest, MEDIA_TYPE } from './testing/test-kit.js';

const CONFIG = 'application/vnd.oci.image.config.v1+json';
const SBOM = 'application/vnd.example.sbom';

describe(ReferrerStore.name, () => {
  const on = onDatabase();
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: ReferrerStore;
  let subject: Entry;
  let config: Digest;

  beforeEach(async () => {
    ({ registry } = on);
    store = new ReferrerStore(on.test.database);
    repository = await registry.repository();
    subject = { digest: anyDigest(), mediaType: MEDIA_TYPE.ociManifest, size: 100 };
    config = await registry.blob(repository);
  });

  const list = (over: Partial<ReferrerQuery> = {}) =>
    store.list({ repository, subject: subject.digest, artifactType: undefined, after: '', limit: 100, ...over });
  const digestsOf = async (over: Partial<ReferrerQuery> = {}) =>
    (await list(over)).referrers.map(({ digest }) => digest);

  /** An image of the subject; another one at each call. */
  let n = 0;
  const referrer = (annotations: Record<string, string> = {}, of = subject): ManifestOfTest =>
    imageOf([config], { subject: of, annotations: { n: String(n++), ...annotations } });
  const asManifest = ({ bytes, digest, mediaType, size }: ReturnType<typeof aManifest>): ManifestOfTest => ({
    bytes,
    entry: { digest: digest as Digest, mediaType, size },
  });
  const sbom = (): ManifestOfTest =>
    asManifest(
      aManifest({
        artifactType: SBOM,
        config: blobEntry(config, CONFIG),
        subject,
        annotations: { n: String(n++) },
      }),
    );
  const indexWithSubject = (fields: object = {}): ManifestOfTest =>
    asManifest(
      jsonManifest(MEDIA_TYPE.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [],
        subject,
        ...fields,
      }),
    );
  const push = async (...made: ManifestOfTest[]): Promise<Digest[]> => {
    for (const one of made) await registry.push(repository, one);
    return made.map(({ entry }) => entry.digest).sort();
  };

  it('lists nothing where there is nothing: no referrer, no repository', async () => {
    expect(await list()).toEqual({ referrers: [], more: false });
    expect(await list({ repository: parseRepositoryName('acme/nowhere') })).toEqual({ referrers: [], more: false });
  });

  it('lists what names the subject, in digest order, and nothing else', async () => {
    const other = { ...subject, digest: anyDigest() };
    await push(imageOf([config]), referrer({}, other));
    const digests = await push(referrer(), referrer(), referrer());
    expect(await digestsOf()).toEqual(digests);
    expect(await digestsOf({ subject: other.digest })).toHaveLength(1);
  });

  it('does not list what another repository has', async () => {
    const other = await registry.repository();
    await registry.blobs.mount(other, repository, config);
    await registry.push(other, referrer());
    expect(await digestsOf()).toEqual([]);
    expect(await digestsOf({ repository: other })).toHaveLength(1);
  });

  it('shows the own type of an image, else that of its config, and none of an index that has none', async () => {
    const [image, typed, bare, typedIndex] = [
      referrer({ colour: 'blue', __proto__: 'kept' }),
      sbom(),
      indexWithSubject(),
      indexWithSubject({ artifactType: SBOM, annotations: { of: 'an index' } }),
    ];
    await push(image, typed, bare, typedIndex);
    const { referrers } = await list();
    const of = ({ entry }: ManifestOfTest) => referrers.find(({ digest }) => digest === entry.digest);
    expect(of(image)).toEqual({
      ...image.entry,
      artifactType: CONFIG,
      annotations: expect.objectContaining({ colour: 'blue' }) as unknown,
    });
    expect(of(typed)).toMatchObject({ ...typed.entry, artifactType: SBOM });
    expect(of(bare)).toEqual({ ...bare.entry, artifactType: null, annotations: null });
    expect(of(typedIndex)).toEqual({ ...typedIndex.entry, artifactType: SBOM, annotations: { of: 'an index' } });
  });

  it('filters by type, exactly', async () => {
    await push(referrer(), indexWithSubject());
    const digests = await push(sbom(), sbom(), indexWithSubject({ artifactType: SBOM }));
    expect(await digestsOf({ artifactType: SBOM })).toEqual(digests);
    expect(await digestsOf({ artifactType: SBOM.toUpperCase() })).toEqual([]);
  });

  it('forgets a referrer with its manifest, and keeps it where only the subject goes', async () => {
    const image = imageOf([config]);
    subject = image.entry;
    await registry.push(repository, image, ['v1']);
    const [first, second] = await push(referrer(), referrer());
    expect(await registry.remove(repository, subject.digest)).toBe('deleted');
    expect(await digestsOf()).toEqual([first, second]);
    expect(await registry.remove(repository, first!)).toBe('deleted');
    expect(await digestsOf()).toEqual([second]);
  });

  describe('with the list that clients without this API keep under the fallback tag', () => {
    it('lists each referrer once, and nothing of that list that names another subject or none', async () => {
      const known = [referrer(), referrer()];
      const digests = await push(...known);
      const strangers = [imageOf([config]), referrer({}, { ...subject, digest: anyDigest() })];
      await push(...strangers);
      const entries = [...known, ...strangers].map(({ entry }) => entry);
      await registry.push(repository, indexOf(entries), [subject.digest.replace(':', '-')]);
      expect(await digestsOf()).toEqual(digests);
    });
  });

  describe('in pages', () => {
    /** Every page along `after`, as digests. */
    const pages = async (query: Partial<ReferrerQuery>): Promise<Digest[][]> => {
      const all: Digest[][] = [];
      for (let after = ''; ; after = all.at(-1)!.at(-1)!) {
        const { referrers, more } = await list({ ...query, after });
        all.push(referrers.map(({ digest }) => digest));
        if (!more) return all;
      }
    };

    it('of the limit lists each once, and says of more only where there is', async () => {
      const digests = await push(...Array.from({ length: 6 }, () => referrer()));
      expect(await pages({ limit: 4 })).toEqual([digests.slice(0, 4), digests.slice(4)]);
      expect(await pages({ limit: 3 })).toEqual([digests.slice(0, 3), digests.slice(3)]);
      expect(await pages({ limit: 1 })).toEqual(digests.map((digest) => [digest]));
    });

    it('keeps the filter', async () => {
      await push(...Array.from({ length: 3 }, () => referrer()));
      const digests = await push(...Array.from({ length: 3 }, () => sbom()));
      expect(await pages({ artifactType: SBOM, limit: 2 })).toEqual([digests.slice(0, 2), digests.slice(2)]);
    });

    it('begins behind what need not be there', async () => {
      const digests = await push(referrer(), referrer());
      expect(await digestsOf({ after: `${digests[0]}0` })).toEqual([digests[1]]);
      expect(await digestsOf({ after: 'sha256:' })).toEqual(digests);
      expect(await digestsOf({ after: 'zzz' })).toEqual([]);
    });

    it('of nothing is empty, and says of no more', async () => {
      await push(referrer());
      expect(await list({ limit: 0 })).toEqual({ referrers: [], more: false });
    });

    it('that would be larger than 2 MiB end earlier, and an entry that alone is larger is a page of its own', async () => {
      const megabyte = 1024 * 1024;
      const large = Array.from({ length: 5 }, () => referrer({ filler: 'x'.repeat(0.6 * megabyte) }));
      const digests = await push(...large, referrer({ filler: '\u{1f4e6}'.repeat(0.75 * megabyte) }));
      const all = await pages({});
      expect(all.flat()).toEqual(digests);
      expect(all.map(({ length }) => length)).toEqual(expect.arrayContaining([1]));
      for (const page of all) expect(page.length).toBeLessThanOrEqual(3);
      expect(all.length).toBeLessThanOrEqual(4);
    });
  });
});
