import fc from 'fast-check';
import { type Digest, digestOf } from './digest.js';
import { RegistryError } from './errors.js';
import { parseManifest, type ParsedManifest } from './manifest.js';
import {
  DOCKER_FOREIGN_LAYER_GZIP,
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  isManifestMediaType,
  OCI_ARTIFACT_MANIFEST,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER_GZIP,
  OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  ORAS_ARTIFACT_MANIFEST,
} from './media-types.js';

type Fields = Record<string, unknown>;

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const digest = (seed: unknown): Digest => digestOf(encode(seed));
const descriptor = (mediaType: string, seed: unknown, more: Fields = {}) => ({
  mediaType,
  digest: digest(seed),
  size: 7,
  ...more,
});

const CONFIG = descriptor(OCI_IMAGE_CONFIG, 'config');
const LAYERS = [descriptor(OCI_LAYER_GZIP, 1), descriptor(OCI_LAYER_GZIP, 2)];
const CHILD = descriptor(OCI_IMAGE_MANIFEST, 'child');
const SUBJECT = descriptor(OCI_IMAGE_MANIFEST, 'subject');

const image = (more: Fields = {}): Fields => ({
  schemaVersion: 2,
  mediaType: OCI_IMAGE_MANIFEST,
  config: CONFIG,
  layers: LAYERS,
  ...more,
});
const index = (more: Fields = {}): Fields => ({
  schemaVersion: 2,
  mediaType: OCI_IMAGE_INDEX,
  manifests: [CHILD],
  ...more,
});

function parse(body: unknown, contentType?: string): ParsedManifest {
  return parseManifest(encode(body), contentType);
}

/** The message of the refusal, and a telling text when there is none or another error. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof RegistryError && error.code === 'MANIFEST_INVALID'
      ? error.message
      : `wrong: ${String(error)}`;
  }
  return 'accepted';
}

describe(parseManifest.name, () => {
  describe('of an image', () => {
    it('tells what the bytes are and what they need', () => {
      const bytes = encode(image({ annotations: { a: 'b' }, subject: SUBJECT }));
      expect(parseManifest(bytes, OCI_IMAGE_MANIFEST)).toStrictEqual({
        digest: digestOf(bytes),
        mediaType: OCI_IMAGE_MANIFEST,
        size: bytes.byteLength,
        kind: 'image',
        config: CONFIG,
        layers: LAYERS,
        blobs: [CONFIG, ...LAYERS],
        manifests: [],
        subject: SUBJECT,
        artifactType: OCI_IMAGE_CONFIG,
        annotations: { a: 'b' },
      });
    });

    it("reads Docker's manifest the same way", () => {
      const config = descriptor(DOCKER_IMAGE_CONFIG, 'config');
      const layers = [descriptor(DOCKER_LAYER_GZIP, 1)];
      const parsed = parse({ schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers }, DOCKER_MANIFEST);
      expect(parsed).toMatchObject({ kind: 'image', config, layers, blobs: [config, ...layers] });
    });

    it('prefers its own artifactType to the type of its config', () => {
      expect(parse(image({ artifactType: 'a/sbom' })).artifactType).toBe('a/sbom');
      expect(parse(image({ artifactType: '' })).artifactType).toBe(OCI_IMAGE_CONFIG);
      const longest = `a/${'b'.repeat(253)}`;
      expect(parse(image({ artifactType: longest })).artifactType).toBe(longest);
    });

    it.each([[[]], [null], [undefined]])('may have the layers %j', (layers) => {
      expect(parse(image({ layers }))).toMatchObject({ layers: [], blobs: [CONFIG] });
    });

    it('accepts unknown config types, unknown fields and data', () => {
      const config = { ...descriptor(OCI_EMPTY, {}), size: 2, data: 'e30=' };
      const parsed = parse(image({ config, artifactType: 'a/b', whatever: { deep: [1] }, blobs: 'not ours here' }));
      expect(parsed).toMatchObject({ config, artifactType: 'a/b' });
      expect(parse(image({ config: descriptor('x/y', 1) })).artifactType).toBe('x/y');
    });

    it('needs no blob for a layer that lives elsewhere', () => {
      const elsewhere = [
        descriptor(OCI_LAYER_GZIP, 3, { urls: ['https://example.com/layer'] }),
        descriptor(OCI_LAYER_NONDISTRIBUTABLE_GZIP, 4),
        descriptor(DOCKER_FOREIGN_LAYER_GZIP, 5),
      ];
      const here = descriptor(OCI_LAYER_GZIP, 6, { urls: [] });
      const parsed = parse(image({ layers: [...elsewhere, here] }));
      expect(parsed.blobs).toStrictEqual([CONFIG, here]);
      expect(parsed.layers).toHaveLength(4);
    });

    it('needs a blob once that occurs twice, and its config even if that has urls', () => {
      const config = { ...CONFIG, urls: ['https://example.com/config'] };
      const parsed = parse(image({ config, layers: [LAYERS[0], LAYERS[0], { ...LAYERS[1], digest: CONFIG.digest }] }));
      expect(parsed.blobs).toStrictEqual([config, LAYERS[0]]);
      expect(parsed.layers).toHaveLength(3);
    });

    it('refuses one digest with two sizes', () => {
      const layers = [LAYERS[0], { ...LAYERS[0], size: 8 }];
      expect(refusal(() => parse(image({ layers })))).toBe('manifest invalid: one digest has two sizes');
    });

    it.each([
      ['without config', { config: undefined }],
      ['with a null config', { config: null }],
      ['with a list for a config', { config: [CONFIG] }],
      ['with an object for layers', { layers: { 0: LAYERS[0] } }],
      ['with a text among its layers', { layers: ['x'] }],
      ['with a broken subject', { subject: {} }],
      ['with a text for a subject', { subject: CONFIG.digest }],
      ['with annotations that are not texts', { annotations: { a: 1 } }],
      ['with an artifactType that is no text', { artifactType: 1 }],
      ['with an artifactType of 256 characters', { artifactType: `a/${'b'.repeat(254)}` }],
      ['without schemaVersion', { schemaVersion: undefined }],
      ['with schemaVersion 3', { schemaVersion: 3 }],
      ['with schemaVersion "2"', { schemaVersion: '2' }],
    ])('refuses one %s', (_, fields) => {
      expect(refusal(() => parse(image(fields)))).toMatch(/^manifest invalid: /);
    });
  });

  describe('of an index', () => {
    it('has its children, and no artifactType but its own', () => {
      const parsed = parse(index({ subject: SUBJECT }), OCI_IMAGE_INDEX);
      expect(parsed).toMatchObject({ kind: 'index', manifests: [CHILD], blobs: [], layers: [], subject: SUBJECT });
      expect(parsed.artifactType).toBeUndefined();
      expect(parse(index({ artifactType: 'a/b' })).artifactType).toBe('a/b');
    });

    it("reads Docker's manifest list the same way", () => {
      const platform = { architecture: 'arm64', os: 'linux', variant: 'v8' };
      const manifests = [descriptor(DOCKER_MANIFEST, 1, { platform })];
      const parsed = parse({ schemaVersion: 2, mediaType: DOCKER_MANIFEST_LIST, manifests }, DOCKER_MANIFEST_LIST);
      expect(parsed).toMatchObject({ kind: 'index', manifests });
    });

    it("keeps children that are blobs, which is how BuildKit's cache looks", () => {
      const manifests = [
        descriptor(OCI_LAYER_GZIP, 1),
        descriptor('application/vnd.buildkit.cacheconfig.v0', 2),
        CHILD,
      ];
      const parsed = parse(index({ manifests }));
      expect(parsed.manifests.map((child) => isManifestMediaType(child.mediaType))).toEqual([false, false, true]);
      expect(parsed.blobs).toEqual([]);
    });

    it('keeps a child twice that is there for two platforms', () => {
      expect(parse(index({ manifests: [CHILD, CHILD] })).manifests).toHaveLength(2);
      expect(parse(index({ manifests: [] })).manifests).toEqual([]);
    });
  });

  describe('of an artifact manifest', () => {
    it.each([ORAS_ARTIFACT_MANIFEST, OCI_ARTIFACT_MANIFEST])('needs the blobs of %s', (mediaType) => {
      const parsed = parse({ mediaType, artifactType: 'a/b', blobs: LAYERS, subject: SUBJECT }, mediaType);
      expect(parsed).toMatchObject({
        kind: 'artifact',
        blobs: LAYERS,
        layers: [],
        subject: SUBJECT,
        artifactType: 'a/b',
      });
    });
  });

  describe('of an unknown type', () => {
    it('is stored without tracing what is in it', () => {
      const body = { layers: LAYERS, subject: 5, annotations: 5, artifactType: 5, schemaVersion: 1 };
      const bytes = encode(body);
      expect(parseManifest(bytes, 'application/vnd.example+json')).toStrictEqual({
        digest: digestOf(bytes),
        mediaType: 'application/vnd.example+json',
        size: bytes.byteLength,
        kind: 'opaque',
        layers: [],
        blobs: [],
        manifests: [],
      });
    });

    it('must be a JSON object nevertheless', () => {
      expect(refusal(() => parse([], 'application/vnd.example+json'))).toBe('manifest invalid: not a JSON object');
    });
  });

  describe('and its media type', () => {
    it('ignores the parameters and the case of the Content-Type', () => {
      const upper = 'Application/vnd.oci.IMAGE.manifest.v1+json; charset=utf-8';
      expect(parse(image(), upper).mediaType).toBe(OCI_IMAGE_MANIFEST);
      expect(parse(image({ mediaType: undefined }), upper).kind).toBe('image');
      expect(parse(image({ mediaType: 'Application/vnd.oci.IMAGE.manifest.v1+json' }), upper).kind).toBe('image');
    });

    it('is that of the body when there is no Content-Type', () => {
      expect(parse({ mediaType: 'a/b' }, '')).toMatchObject({ mediaType: 'a/b', kind: 'opaque' });
      expect(parse(index(), undefined).mediaType).toBe(OCI_IMAGE_INDEX);
    });

    it('shows in the fields when nothing names it', () => {
      expect(parse(image({ mediaType: undefined })).mediaType).toBe(OCI_IMAGE_MANIFEST);
      expect(parse(index({ mediaType: undefined })).mediaType).toBe(OCI_IMAGE_INDEX);
      expect(refusal(() => parse({ schemaVersion: 2 }))).toContain('neither a Content-Type nor a mediaType');
    });

    it.each([
      'application/json',
      'application/x-www-form-urlencoded',
      'application/octet-stream',
      'text/plain; charset=utf-8',
    ])('is not %s, which says nothing: the body does, or it is refused', (contentType) => {
      expect(parse({ mediaType: 'a/b' }, contentType)).toMatchObject({ mediaType: 'a/b', kind: 'opaque' });
      expect(parse(index(), contentType)).toMatchObject({ mediaType: OCI_IMAGE_INDEX, manifests: [CHILD] });
      const unnamed = parse(image({ mediaType: undefined }), contentType);
      expect(unnamed).toMatchObject({ mediaType: OCI_IMAGE_MANIFEST, blobs: [CONFIG, ...LAYERS] });
      expect(refusal(() => parse({ schemaVersion: 2 }, contentType))).toContain('says what it is');
    });

    it('must be the same in body and Content-Type', () => {
      const message = 'manifest invalid: mediaType differs from the Content-Type';
      expect(refusal(() => parse(image(), DOCKER_MANIFEST))).toBe(message);
      expect(refusal(() => parse(image(), OCI_IMAGE_INDEX))).toBe(message);
      const withParameter = image({ mediaType: `${OCI_IMAGE_MANIFEST}; a=b` });
      expect(refusal(() => parse(withParameter, OCI_IMAGE_MANIFEST))).toBe(message);
    });

    it.each([[5], [[OCI_IMAGE_MANIFEST]], [{}]])('must not be %j in the body', (mediaType) => {
      expect(refusal(() => parse(image({ mediaType }), OCI_IMAGE_MANIFEST))).toMatch(/not a string/);
    });

    it('is refused when it is none', () => {
      expect(refusal(() => parse(image(), 'json'))).toContain('not a media type');
      expect(refusal(() => parse(image({ mediaType: 'json' })))).toContain('not a media type');
    });
  });

  describe('security', () => {
    it.each([
      ['an image with manifests', image({ manifests: [CHILD] })],
      ['an image with an empty list of manifests', image({ manifests: [] })],
      ['an index with layers', index({ layers: LAYERS })],
      ['an index with a config', index({ config: CONFIG })],
      ['a body without mediaType', index({ mediaType: undefined, config: CONFIG })],
      ['an unknown type', index({ mediaType: 'a/b', layers: [] })],
    ])('refuses %s to be image and index at once (CVE-2021-41190)', (_, body) => {
      expect(refusal(() => parse(body))).toBe('manifest invalid: it has both manifests and layers or config');
    });

    it("refuses one type's fields under the other's name", () => {
      const asImage = { schemaVersion: 2, manifests: [CHILD] };
      expect(refusal(() => parse(asImage, OCI_IMAGE_MANIFEST))).toContain('"manifests" does not belong');
      const asIndex = { schemaVersion: 2, config: CONFIG, layers: LAYERS };
      expect(refusal(() => parse(asIndex, OCI_IMAGE_INDEX))).toContain('"layers" does not belong');
      expect(refusal(() => parse({ schemaVersion: 2, config: CONFIG }, OCI_IMAGE_INDEX))).toContain(
        '"config" does not',
      );
    });

    it('takes null for nothing there', () => {
      expect(parse(index({ layers: null, config: null })).kind).toBe('index');
      expect(parse(image({ manifests: null, subject: null, annotations: null })).kind).toBe('image');
    });

    it.each([DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, 'application/json', ''])(
      'refuses schema 1 as %j and says so',
      (contentType) => {
        const body = { schemaVersion: 1, name: 'a/b', tag: 'v1', fsLayers: [], history: [], signatures: [] };
        expect(refusal(() => parse(body, contentType))).toContain('schema 1 are not accepted');
      },
    );

    it('refuses the name of schema 1 on whatever body', () => {
      expect(refusal(() => parse({}, DOCKER_SCHEMA1))).toContain('schema 1 are not accepted');
      expect(refusal(() => parse({ mediaType: DOCKER_SCHEMA1_SIGNED }))).toContain('schema 1 are not accepted');
    });

    it('accepts 10,000 descriptors and refuses one more', () => {
      const layers = (count: number) => Array.from({ length: count }, () => LAYERS[0]);
      expect(parse(image({ layers: layers(9_999) })).layers).toHaveLength(9_999);
      expect(refusal(() => parse(image({ layers: layers(10_000) })))).toBe(
        'manifest invalid: more than 10000 descriptors',
      );
      expect(refusal(() => parse(image({ layers: layers(9_999), subject: SUBJECT })))).toContain('more than 10000');
    });

    it('lets the caller choose another limit', () => {
      const bytes = encode(index({ manifests: [CHILD, CHILD] }));
      expect(parseManifest(bytes, OCI_IMAGE_INDEX, { maxDescriptors: 2 }).manifests).toHaveLength(2);
      expect(refusal(() => parseManifest(bytes, OCI_IMAGE_INDEX, { maxDescriptors: 1 }))).toContain('more than 1');
      const artifact = encode({ blobs: LAYERS });
      expect(refusal(() => parseManifest(artifact, ORAS_ARTIFACT_MANIFEST, { maxDescriptors: 1 }))).toContain(
        'more than 1',
      );
    });

    it('refuses a million children before it reads one', () => {
      const bytes = new TextEncoder().encode(`{"schemaVersion":2,"manifests":[${'{},'.repeat(999_999)}{}]}`);
      expect(refusal(() => parseManifest(bytes, OCI_IMAGE_INDEX))).toBe(
        'manifest invalid: more than 10000 descriptors',
      );
    });

    it('reads numbers beyond 2^53 as wrong sizes, not as near ones', () => {
      const text = JSON.stringify(image()).replace('"size":7', '"size":9007199254740993');
      expect(refusal(() => parseManifest(new TextEncoder().encode(text), OCI_IMAGE_MANIFEST))).toContain(
        'no valid size',
      );
    });

    it('takes no field from __proto__', () => {
      const text = `{"__proto__":${JSON.stringify(image())},"schemaVersion":2}`;
      expect(refusal(() => parseManifest(new TextEncoder().encode(text), OCI_IMAGE_MANIFEST))).toMatch(
        /^manifest invalid/,
      );
      expect(({} as Fields).layers).toBeUndefined();
    });

    it('reads a megabyte of annotations', () => {
      const annotations = { big: 'x'.repeat(1_000_000) };
      expect(parse(image({ annotations })).annotations).toStrictEqual(annotations);
    });

    it('does not echo what it refuses beyond 256 characters a text', () => {
      expect.assertions(1);
      try {
        parse(image({ mediaType: `a/${'x'.repeat(100_000)}` }), OCI_IMAGE_MANIFEST);
      } catch (error) {
        expect(JSON.stringify((error as RegistryError).toWire()).length).toBeLessThan(1000);
      }
    });
  });

  describe('on arbitrary input', () => {
    const contentType = fc.constantFrom(
      undefined,
      '',
      OCI_IMAGE_MANIFEST,
      OCI_IMAGE_INDEX,
      ORAS_ARTIFACT_MANIFEST,
      'a/b',
    );

    function throwsNothingElse(bytes: Uint8Array, type: string | undefined): void {
      const outcome = refusal(() => parseManifest(bytes, type));
      expect(outcome === 'accepted' || outcome.startsWith('manifest invalid')).toBe(true);
    }

    it('throws nothing but MANIFEST_INVALID for bytes', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), contentType, throwsNothingElse), { numRuns: 500 });
    });

    it('throws nothing but MANIFEST_INVALID for JSON', () => {
      fc.assert(
        fc.property(fc.json(), contentType, (text, type) => throwsNothingElse(new TextEncoder().encode(text), type)),
        { numRuns: 500 },
      );
    });

    it('throws nothing but MANIFEST_INVALID for manifests with anything in one field', () => {
      const key = fc.constantFrom('schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'blobs', 'subject');
      const inner = fc.constantFrom('mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'platform');
      const value = fc.oneof(fc.jsonValue(), fc.record({ key: inner, value: fc.jsonValue() }).map(spoiled));
      fc.assert(
        fc.property(fc.constantFrom(image(), index()), key, value, contentType, (body, name, spoil, type) => {
          throwsNothingElse(encode({ ...body, [name]: spoil, annotations: { a: 'b' } }), type);
        }),
        { numRuns: 1000 },
      );
    });

    function spoiled({ key, value }: { key: string; value: unknown }): unknown {
      return [{ ...LAYERS[0], [key]: value }];
    }
  });
});
