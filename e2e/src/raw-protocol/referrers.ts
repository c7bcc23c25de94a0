import {
  aManifest,
  anImage,
  descriptorOf,
  digestOf,
  EMPTY_CONFIG,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
  randomBlob,
} from '@berth/testing';

import type { Stack } from '../stack.js';
import { type ReferrerList, referrersOf } from './referrer-list.js';

const SBOM = 'application/vnd.example.sbom+json';

/** Spec: "Listing Referrers", "Pushing Manifests with Subject", "Enabling the Referrers API". */
export function describeReferrers(stack: () => Stack): void {
  const client = () => stack().client();
  const digestsOf = async (name: string, subject: string, query = {}) =>
    (await referrersOf(client(), name, subject, query)).map(({ digest }) => digest);
  const sorted = (manifests: Manifest[]) => manifests.map(({ digest }) => digest).sort();

  /** An image in a repository of its own, with the config of artifacts. */
  async function subjectIn(name: string): Promise<Manifest> {
    const image = anImage();
    await client().push(name, image, 'v1');
    await client().pushBlob(name, EMPTY_CONFIG);
    return image.manifest;
  }
  async function push(name: string, ...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) await client().pushManifest(name, manifest);
  }
  const indexOf = (manifests: Manifest[], fields: object = {}) =>
    jsonManifest(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: manifests.map(descriptorOf),
      ...fields,
    });
  const referrers = (subject: Manifest, count: number, artifactType = SBOM) =>
    Array.from({ length: count }, (_, n) => aManifest({ subject, artifactType, annotations: { n: String(n) } }));

  describe('GET and HEAD /v2/:name/referrers/:digest', () => {
    it.each([
      [
        'a manifest without referrers',
        async () => (await subjectIn('raw/referrers-none')).digest,
        'raw/referrers-none',
      ],
      ['a digest that is not there', async () => randomBlob(10).digest, 'raw/referrers-none'],
      ['a digest of sha512', async () => `sha512:${'5'.repeat(128)}`, 'raw/referrers-none'],
      ['a repository that is not there', async () => randomBlob(10).digest, 'raw/referrers-nowhere'],
    ])('is an empty index for %s', async (_what, digest, name) => {
      const answer = (await client().referrers(name, await digest())).expect(200);
      expect(answer.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
      expect(answer.header('link')).toBeUndefined();
      expect(answer.json()).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] });
    });

    it.each(['sha256:abc', 'latest', `md5:${'a'.repeat(32)}`, 'sha256:', '%00'])(
      'refuses %s, which is no digest',
      async (digest) => {
        const answer = (await client().referrers('raw/referrers-bad', digest)).expect(400);
        expect(answer.codes).toEqual(['DIGEST_INVALID']);
      },
    );

    it('describes each referrer: its own type, that of an image’s config, or none of an index', async () => {
      const name = 'raw/referrers';
      const subject = await subjectIn(name);
      const annotations = { 'org.example.note': 'ä "quoted" \u{1f4e6}', empty: '' };
      const sbom = aManifest({ subject, artifactType: SBOM, annotations });
      const config = randomBlob(20);
      await client().pushBlob(name, config);
      const image = aManifest({ subject, config: { ...config, mediaType: MEDIA_TYPE.ociConfig } });
      const bare = indexOf([], { subject: descriptorOf(subject) });
      const typed = indexOf([], { subject: descriptorOf(subject), artifactType: SBOM, annotations });
      for (const manifest of [sbom, image, bare, typed]) {
        const answer = (await client().putManifest(name, manifest.digest, manifest)).expect(201);
        expect(answer.header('oci-subject')).toBe(subject.digest);
      }
      const manifests = await referrersOf(client(), name, subject.digest);
      const expected = [
        { ...descriptorOf(sbom), artifactType: SBOM, annotations },
        { ...descriptorOf(image), artifactType: MEDIA_TYPE.ociConfig },
        descriptorOf(bare),
        { ...descriptorOf(typed), artifactType: SBOM, annotations },
      ];
      expect(manifests).toEqual(expected.sort((a, b) => (a.digest < b.digest ? -1 : 1)));
      const scopes = [`repository:${name}:pull`];
      const head = await client().call('HEAD', `/v2/${name}/referrers/${subject.digest}`, scopes);
      expect(head.expect(200).bytes).toHaveLength(0);
      expect(head.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
    });

    it.each(['-1', 'many', ''])('refuses n=%p with a code of the specification', async (n) => {
      const answer = (await client().referrers('raw/referrers-number', digestOf('subject'), { n })).expect(400);
      expect(answer.codes).toEqual(['UNSUPPORTED']);
    });

    it('filters by type and says so', async () => {
      const name = 'raw/referrers-filter';
      const subject = await subjectIn(name);
      const sboms = referrers(subject, 2);
      await push(name, ...sboms, ...referrers(subject, 2, 'application/vnd.example.signature'));
      const answer = (await client().referrers(name, subject.digest, { artifactType: SBOM })).expect(200);
      expect(answer.header('oci-filters-applied')).toBe('artifactType');
      expect(answer.json<ReferrerList>().manifests.map(({ digest }) => digest)).toEqual(sorted(sboms));
      expect(await digestsOf(name, subject.digest, { artifactType: 'application/vnd.example' })).toEqual([]);
      const unfiltered = (await client().referrers(name, subject.digest)).expect(200);
      expect(unfiltered.header('oci-filters-applied')).toBeUndefined();
      expect(unfiltered.json<ReferrerList>().manifests).toHaveLength(4);
    });

    it('lists page after page along the Link headers, with the filter', async () => {
      const name = 'raw/referrers-pages';
      const subject = await subjectIn(name);
      const sboms = referrers(subject, 5);
      await push(name, ...sboms, ...referrers(subject, 3, 'application/vnd.example.signature'));
      const seen: string[][] = [];
      let next: string | undefined =
        `/v2/${name}/referrers/${subject.digest}?n=2&artifactType=${encodeURIComponent(SBOM)}`;
      while (next) {
        const answer = (await client().call('GET', next, [`repository:${name}:pull`])).expect(200);
        expect(answer.header('oci-filters-applied')).toBe('artifactType');
        seen.push(answer.json<ReferrerList>().manifests.map(({ digest }) => digest));
        const link = answer.header('link');
        if (link) expect(link).toMatch(/^<[^>]+>; ?rel="?next"?$/);
        next = /<([^>]+)>/.exec(link ?? '')?.[1];
      }
      const digests = sorted(sboms);
      expect(seen).toEqual([digests.slice(0, 2), digests.slice(2, 4), digests.slice(4)]);
    });

    it('splits a list whose annotations are many megabytes', async () => {
      const name = 'raw/referrers-large';
      const subject = await subjectIn(name);
      const large = Array.from({ length: 6 }, (_, n) =>
        aManifest({ subject, annotations: { n: String(n), filler: 'x'.repeat(1_500_000) } }),
      );
      await push(name, ...large);
      const seen: string[] = [];
      let next: string | undefined = `/v2/${name}/referrers/${subject.digest}`;
      while (next) {
        const answer = (await client().call('GET', next, [`repository:${name}:pull`])).expect(200);
        expect(answer.bytes.length).toBeLessThan(2 * 1024 * 1024);
        seen.push(...answer.json<ReferrerList>().manifests.map(({ digest }) => digest));
        next = /<([^>]+)>/.exec(answer.header('link') ?? '')?.[1];
      }
      expect(seen).toEqual(sorted(large));
    });

    it('lists a referrer that came before its subject, and drops one that is deleted at once', async () => {
      const name = 'raw/referrers-order';
      await client().pushBlob(name, EMPTY_CONFIG);
      const image = anImage();
      const [one, two] = referrers(image.manifest, 2) as [Manifest, Manifest];
      await push(name, one, two);
      await client().push(name, image, 'v1');
      expect(await digestsOf(name, image.manifest.digest)).toEqual(sorted([one, two]));
      (await client().deleteManifest(name, one.digest)).expect(202);
      expect(await digestsOf(name, image.manifest.digest)).toEqual([two.digest]);
      (await client().deleteManifest(name, image.manifest.digest)).expect(202);
      for (const reference of ['v1', image.manifest.digest]) {
        (await client().getManifest(name, reference)).expect(404);
      }
      expect(await digestsOf(name, image.manifest.digest)).toEqual([two.digest]);
      (await client().deleteManifest(name, two.digest)).expect(202);
      expect(await digestsOf(name, image.manifest.digest)).toEqual([]);
    });

    it('lists what another registry’s client brings with its list under the fallback tag, and nothing else of that list', async () => {
      const name = 'raw/referrers-fallback';
      const subject = await subjectIn(name);
      const tag = subject.digest.replace(':', '-');
      const known = referrers(subject, 2);
      const stranger = aManifest({ annotations: { subject: 'none' } });
      await push(name, ...known, stranger);
      const index = indexOf([...known, stranger]);
      await client().pushManifest(name, index, tag);
      expect(await digestsOf(name, subject.digest)).toEqual(sorted(known));
      const kept = (await client().getManifest(name, tag)).expect(200);
      expect(kept.bytes.equals(index.bytes)).toBe(true);
    });
  });

  describe('GET /v2/_oci/ext/discover and /v2/:name/_oci/ext/discover', () => {
    it('list no extensions', async () => {
      for (const [path, scopes] of [
        ['/v2/_oci/ext/discover', []],
        ['/v2/raw/referrers/_oci/ext/discover', ['repository:raw/referrers:pull']],
      ] as const) {
        expect((await client().call('GET', path, scopes)).expect(200).json()).toEqual({ extensions: [] });
      }
    });
  });
}
