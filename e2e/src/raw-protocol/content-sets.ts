import { blobOf, type CallOptions, EMPTY_CONFIG, MEDIA_TYPE, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';
import { type Algorithm, ContentSet } from './content-set.js';
import { type Referrer, referrersOf } from './referrer-list.js';

const [ONE, OTHER] = ['application/vnd.example.one.v1', 'application/vnd.example.other.v1'];

const anArtifact = (type: string) => ({
  artifactType: type,
  artifact: { config: EMPTY_CONFIG, layers: [{ ...randomBlob(2_048), mediaType: type }] },
  annotations: { 'org.example.what': 'an artifact', 'org.example.which': randomBlob(8).digest },
});

function twoImages(set: ContentSet, tag: string): ContentSet {
  return set.tag(set.index([set.image(), set.image()]), tag);
}

/** Every tag of the set stands at its manifest, a digest of the set's algorithm: only a tag parameter can say that. */
function taggedByParameter(algorithm: Algorithm): ContentSet {
  const set = new ContentSet(algorithm);
  const index = set.index([set.image(), set.image()]);
  set.manifests.forEach((manifest, n) => set.tag(manifest, `by-parameter-${n}`));
  return set.tag(index, 'by-parameter');
}

/** Kinds of content that a registry must take, keep and give back as they are. */
const SETS: Record<string, () => ContentSet> = {
  'an image': () => {
    const set = new ContentSet();
    return set.tag(set.image(), 'image');
  },
  'an image of uncompressed layers': () => {
    const set = new ContentSet();
    return set.tag(set.image({ compressed: false }), 'uncompressed');
  },
  'an image whose manifest has nearly 4 MiB': () => {
    const set = new ContentSet();
    const annotations = Object.fromEntries(Array.from({ length: 390 }, (_, n) => [`large-${n}`, 'A'.repeat(10_000)]));
    return set.tag(set.image({ annotations }), 'large');
  },
  'an index': () => twoImages(new ContentSet(), 'index'),
  'an index of indexes': () => {
    const set = new ContentSet();
    const [one, other] = [set.index([set.image(), set.image()]), set.index([set.image(), set.image()])];
    return set.tag(set.index([one, other]), 'indexes');
  },
  'an index of nothing': () => {
    const set = new ContentSet();
    return set.tag(set.index([]), 'nothing');
  },
  'an artifact': () => {
    const set = new ContentSet();
    return set.tag(set.image(anArtifact(ONE)), 'artifact');
  },
  'an artifact of no content': () => {
    const set = new ContentSet();
    const artifact = { config: EMPTY_CONFIG, layers: [EMPTY_CONFIG] };
    return set.tag(set.image({ artifactType: ONE, artifact }), 'artifact');
  },
  'an index of artifacts': () => {
    const set = new ContentSet();
    const entries = [set.image(anArtifact(ONE)), set.image(anArtifact(ONE))];
    return set.tag(set.index(entries, { artifactType: ONE }), 'artifacts');
  },
  'artifacts and an image with a subject': () => {
    const set = new ContentSet();
    const subject = set.image();
    set.image({ subject });
    const [one, other] = [ONE, OTHER].map((type) => set.image({ ...anArtifact(type), subject }));
    return set.tag(subject, 'subject').tag(one!, 'one').tag(other!, 'other');
  },
  'an index with a subject': () => {
    const set = new ContentSet();
    const subject = set.index([set.image(), set.image()]);
    const entries = [set.image(anArtifact(ONE)), set.image(anArtifact(ONE))];
    const { artifactType, annotations } = anArtifact(ONE);
    return set.tag(subject, 'subject').tag(set.index(entries, { artifactType, annotations, subject }), 'artifacts');
  },
  'an artifact whose subject is missing': () => {
    const set = new ContentSet();
    const subject = { ...randomBlob(123), mediaType: MEDIA_TYPE.ociManifest };
    return set.tag(set.image({ ...anArtifact(ONE), subject }), 'artifact');
  },
  'an image whose descriptors hold their data': () => {
    const set = new ContentSet();
    return set.tag(set.image({ inline: true }), 'data');
  },
  'an image with layers that may not be distributed': () => {
    const set = new ContentSet();
    const foreign = ['tar+gzip', 'tar'].map((form) => {
      const { digest } = randomBlob(256);
      const mediaType = `application/vnd.oci.image.layer.nondistributable.v1.${form}`;
      return { mediaType, digest, size: 123_456, urls: [`https://store.example.com/${digest}`] };
    });
    return set.tag(set.image({ layers: 1, foreign }), 'foreign');
  },
  'an index and images with fields of no specification': () => {
    const set = new ContentSet();
    const parts = { extra: { 'org.example.custom': 'kept', 'x-nested': { a: [1, null] } } };
    return set.tag(set.index([set.image(parts), set.image(parts)], parts), 'custom');
  },
  'an image without layers': () => {
    const set = new ContentSet();
    return set.tag(set.image({ layers: 0 }), 'no-layers');
  },
  'an image with an empty blob for a layer': () => {
    const set = new ContentSet();
    const artifact = { config: EMPTY_CONFIG, layers: [blobOf('')] };
    return set.tag(set.image({ artifactType: ONE, artifact }), 'empty-blob');
  },
  'an index named by sha512': () => {
    const set = new ContentSet('sha512');
    set.index([set.image(), set.image()]);
    return set;
  },
};

const BY_PARAMETER: Record<string, () => ContentSet> = {
  'by sha256 with tags as parameters': () => taggedByParameter('sha256'),
  'by sha512 with tags as parameters': () => taggedByParameter('sha512'),
};

/** Spec: "Pull", "Push", "Listing Tags", "Listing Referrers", "Deleting", each for every kind of content. */
export function describeContentSets(stack: () => Stack): void {
  const client = () => stack().client();
  const listed = async (name: string, subject: string, query = {}) =>
    sorted(await referrersOf(client(), name, subject, query));
  const ALL = { ...SETS, ...BY_PARAMETER };

  describe.each(Object.keys(ALL))('%s', (kind) => {
    const name = `raw/set-${Object.keys(ALL).indexOf(kind)}`;
    const set = ALL[kind]!();
    const pull = [`repository:${name}:pull`];

    it('is pushed: each answer says where the content is and by which digest', async () => {
      for (const blob of set.blobs.values()) await client().pushBlob(name, blob);
      for (const manifest of set.manifests) {
        const tags = [...set.tags].filter(([, tagged]) => tagged === manifest).map(([tag]) => tag);
        const query: CallOptions['query'] = kind in BY_PARAMETER ? { tag: tags } : {};
        const answer = (await client().putManifest(name, manifest.digest, manifest, { query })).expect(201);
        expect(answer.header('docker-content-digest')).toBe(manifest.digest);
        expect(answer.header('oci-subject')).toBe(subjectOf(manifest.bytes));
        const at = new URL(answer.header('location')!, stack().base);
        const got = (await client().call('GET', at.href, pull)).expect(200);
        expect(got.bytes.equals(manifest.bytes)).toBe(true);
        expect(got.header('content-type')).toBe(manifest.mediaType);
        expect(got.header('content-length')).toBe(String(manifest.size));
        const taken = (answer.header('oci-tag') ?? '').split(',').map((tag) => tag.trim());
        if (kind in BY_PARAMETER) expect(taken.sort()).toEqual(tags.sort());
        else for (const tag of tags) await client().pushManifest(name, manifest, tag);
      }
    });

    it('is listed by its tags', async () => {
      const { tags } = (await client().listTags(name)).expect(200).json<{ tags: string[] }>();
      expect(tags).toEqual([...set.tags.keys()].sort());
      const last = tags[0];
      if (last === undefined) return;
      const behind = (await client().listTags(name, { last })).expect(200).json<{ tags: string[] }>();
      expect(behind.tags).toEqual(tags.slice(1));
    });

    it('is found by HEAD, with length and digest and no body', async () => {
      for (const [reference, manifest] of references(set)) {
        const head = (await client().headManifest(name, reference)).expect(200);
        expect(head.header('content-type')).toBe(manifest.mediaType);
        expect(head.header('content-length')).toBe(String(manifest.size));
        expect(head.header('docker-content-digest')).toBe(manifest.digest);
        expect(head.bytes).toHaveLength(0);
      }
      for (const { digest, size } of set.blobs.values()) {
        const head = (await client().headBlob(name, digest)).expect(200);
        expect(head.header('content-length')).toBe(String(size));
        expect(head.header('docker-content-digest')).toBe(digest);
        expect(head.bytes).toHaveLength(0);
      }
    });

    it('is pulled as it was pushed', async () => {
      for (const [reference, manifest] of references(set)) {
        const got = (await client().getManifest(name, reference)).expect(200);
        expect(got.bytes.equals(manifest.bytes)).toBe(true);
        expect(got.header('content-type')).toBe(manifest.mediaType);
        expect(got.header('content-length')).toBe(String(manifest.size));
        expect(got.header('docker-content-digest')).toBe(manifest.digest);
      }
      for (const { digest, bytes } of set.blobs.values()) {
        const got = (await client().getBlob(name, digest)).expect(200);
        expect(got.bytes.equals(bytes)).toBe(true);
        expect(got.header('content-length')).toBe(String(bytes.length));
        expect(got.header('docker-content-digest')).toBe(digest);
      }
    });

    it('is listed by its subjects, whole and by artifact type', async () => {
      for (const [subject, expected] of set.referrers) {
        expect(await listed(name, subject)).toEqual(sorted(expected));
        for (const artifactType of new Set(expected.map((referrer) => referrer.artifactType!))) {
          const ofType = expected.filter((referrer) => referrer.artifactType === artifactType);
          expect(await listed(name, subject, { artifactType })).toEqual(sorted(ofType));
        }
      }
    });

    it('is deleted, tags first, and each is gone at once', async () => {
      for (const tag of set.tags.keys()) {
        (await client().deleteManifest(name, tag)).expect(202);
        expect((await client().headManifest(name, tag)).status).toBe(404);
      }
      for (const { digest } of [...set.manifests].reverse()) {
        (await client().deleteManifest(name, digest)).expect(202);
        expect((await client().headManifest(name, digest)).status).toBe(404);
      }
      for (const digest of set.blobs.keys()) {
        (await client().deleteBlob(name, digest)).expect(202);
        expect((await client().headBlob(name, digest)).status).toBe(404);
      }
      expect((await client().listTags(name)).expect(200).json<{ tags: string[] }>().tags).toEqual([]);
      for (const subject of set.referrers.keys()) expect(await listed(name, subject)).toEqual([]);
    });
  });
}

const references = (set: ContentSet) => [
  ...set.tags,
  ...set.manifests.map((manifest) => [manifest.digest, manifest] as const),
];

const subjectOf = (manifest: Buffer): string | undefined =>
  (JSON.parse(manifest.toString()) as { subject?: { digest: string } }).subject?.digest;

/** By digest; what is undefined is not there. */
const sorted = (referrers: Referrer[]): Referrer[] =>
  (JSON.parse(JSON.stringify(referrers)) as Referrer[]).sort((a, b) => (a.digest < b.digest ? -1 : 1));
