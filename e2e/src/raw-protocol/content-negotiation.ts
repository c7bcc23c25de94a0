import {
  aManifest,
  anImage,
  anIndex,
  blobOf,
  descriptorOf,
  EMPTY_CONFIG,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
} from '@berth/testing';

import type { Stack } from '../stack.js';

const SCHEMA1 = MEDIA_TYPE.dockerSchema1Signed;
const ORAS_ARTIFACT = 'application/vnd.cncf.oras.artifact.manifest.v1+json';
const OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
const UNKNOWN = 'application/vnd.example+json';

/** What a client may say that it takes. None of it asks for schema 1 alone. */
const ACCEPTS: [string, (stored: string) => string | undefined][] = [
  ['no Accept', () => undefined],
  ['an empty Accept', () => ''],
  ['anything', () => '*/*'],
  ['the stored type', (stored) => stored],
  ['the stored type with little weight', (stored) => `text/html, ${stored};q=0.1, */*;q=0.01`],
  ['the stored type with weight zero', (stored) => `${stored};q=0, application/json`],
  ['the stored type or schema 1', (stored) => `${SCHEMA1}, ${stored}`],
  ['schema 1 or anything', () => `${SCHEMA1}, */*;q=0.5`],
  ['something else', () => 'text/html'],
  ['garbage', () => ';;;=, "", q=1, application/;q=, /, ,'],
  ['12 kB of types', (stored) => `${'application/vnd.example.other+json, '.repeat(340)}${stored}`],
];

/** Spec: "Pulling manifests"; registry-protocol: what is stored is answered, whatever Accept says. */
export function describeContentNegotiation(stack: () => Stack): void {
  const client = () => stack().client();
  const name = 'raw/negotiation';
  const layer = blobOf('layer', MEDIA_TYPE.ociLayer);
  const oci = anImage({ seed: 'negotiation' });
  const docker = anImage({ seed: 'negotiation', format: 'docker' });
  const artifactOf = (mediaType: string) =>
    jsonManifest(mediaType, { mediaType, artifactType: 'application/vnd.example.sbom', blobs: [descriptorOf(layer)] });

  const stored: [string, Manifest][] = [
    ["Docker's schema 2", docker.manifest],
    ["Docker's manifest list", anIndex([docker]).manifest],
    ['an OCI manifest', oci.manifest],
    ['an OCI artifact of the empty config', aManifest({ layers: [layer] })],
    ['an OCI index', anIndex([oci]).manifest],
    ["ORAS's artifact manifest", artifactOf(ORAS_ARTIFACT)],
    ["OCI's artifact manifest", artifactOf(OCI_ARTIFACT)],
    ['a type that nobody knows', jsonManifest(UNKNOWN, { layers: 'no list', subject: 7, deep: [[{ a: null }]] })],
  ];

  describe('Accept at GET and HEAD of a manifest', () => {
    beforeAll(async () => {
      for (const blob of [EMPTY_CONFIG, layer]) await client().pushBlob(name, blob);
      for (const image of [oci, docker]) await client().push(name, image);
      for (const [position, [, manifest]] of stored.entries()) {
        await client().pushManifest(name, manifest, `v${position}`);
      }
    });

    const ask = (method: string, reference: string, accept: string | undefined) =>
      client().call(method, `/v2/${name}/manifests/${reference}`, [`repository:${name}:pull`], {
        headers: accept === undefined ? {} : { accept },
      });

    it.each(stored.map(([what, manifest], position) => ({ what, manifest, tag: `v${position}` })))(
      'gives $what as it was pushed, whatever Accept says',
      async ({ manifest, tag }) => {
        for (const [said, acceptFor] of ACCEPTS) {
          for (const reference of [tag, manifest.digest]) {
            const accept = acceptFor(manifest.mediaType);
            const get = await ask('GET', reference, accept);
            const head = await ask('HEAD', reference, accept);
            const { digest, mediaType, size } = manifest;
            for (const answer of [get, head]) {
              const fields = ['content-type', 'content-length', 'docker-content-digest'].map((field) =>
                answer.header(field),
              );
              expect([said, answer.status, ...fields]).toEqual([said, 200, mediaType, String(size), digest]);
            }
            expect(get.bytes.equals(manifest.bytes)).toBe(true);
          }
        }
      },
    );

    it('refuses an Accept that is longer than a header may be, and lives on', async () => {
      const answer = await ask('GET', 'v0', `${MEDIA_TYPE.dockerManifest}, `.repeat(1_200));
      expect(answer.status).toBe(431);
      (await ask('GET', 'v0', undefined)).expect(200);
    });
  });
}
