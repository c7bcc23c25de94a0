import { parseDescriptor } from './descriptor.js';
import { digestOf } from './digest.js';
import { RegistryError } from './errors.js';
import { OCI_EMPTY, OCI_LAYER_GZIP } from './media-types.js';

const BYTES = new TextEncoder().encode('{}');
const DIGEST = digestOf(BYTES);
const LAYER = { mediaType: OCI_LAYER_GZIP, digest: DIGEST, size: 2 };

function refusal(value: unknown): { code: string; field?: string } {
  try {
    parseDescriptor(value, 'layers[0]');
  } catch (error) {
    if (!(error instanceof RegistryError)) return { code: String(error) };
    return { code: error.code, field: (error.detail as { field: string }).field };
  }
  return { code: 'accepted' };
}

describe(parseDescriptor.name, () => {
  it('reads the three required fields', () => {
    expect(parseDescriptor(LAYER)).toStrictEqual(LAYER);
    expect(parseDescriptor({ ...LAYER, size: 0 }).size).toBe(0);
    expect(parseDescriptor({ ...LAYER, size: Number.MAX_SAFE_INTEGER }).size).toBe(9007199254740991);
  });

  it('reads the optional fields', () => {
    const full = {
      ...LAYER,
      urls: ['https://example.com/layer'],
      annotations: { 'org.opencontainers.image.title': 'x' },
      artifactType: 'application/vnd.example',
      platform: { architecture: 'arm64', os: 'linux', 'os.version': '1', 'os.features': ['win32k'], variant: 'v8' },
    };
    expect(parseDescriptor(full)).toStrictEqual(full);
  });

  it('leaves unknown fields out and takes null for absent', () => {
    const value = { ...LAYER, extra: 1, urls: null, data: null, annotations: null, artifactType: '', platform: null };
    expect(parseDescriptor(value)).toStrictEqual(LAYER);
  });

  it('leaves unknown fields of a platform out', () => {
    expect(parseDescriptor({ ...LAYER, platform: { os: 'linux', extra: 1 } }).platform).toStrictEqual({ os: 'linux' });
  });

  it('accepts data that matches, by either algorithm', () => {
    expect(parseDescriptor({ ...LAYER, mediaType: OCI_EMPTY, data: 'e30=' }).data).toBe('e30=');
    expect(parseDescriptor({ ...LAYER, digest: digestOf(BYTES, 'sha512'), data: 'e30=' }).data).toBe('e30=');
    expect(parseDescriptor({ ...LAYER, digest: digestOf(new Uint8Array()), size: 0, data: '' }).data).toBe('');
  });

  describe('security', () => {
    it.each([undefined, null, 'x', 1, []])('refuses %j, which is not an object', (value) => {
      expect(refusal(value)).toEqual({ code: 'MANIFEST_INVALID', field: 'layers[0]' });
    });

    it.each([-1, 1.5, 2 ** 53, 1e300, NaN, Infinity, '2', null, undefined, true, [2]])(
      'refuses the size %p',
      (size) => {
        expect(refusal({ ...LAYER, size })).toEqual({ code: 'MANIFEST_INVALID', field: 'layers[0].size' });
      },
    );

    it('reads a size of minus zero as zero', () => {
      expect(Object.is(parseDescriptor({ ...LAYER, size: -0 }).size, 0)).toBe(true);
    });

    it.each([
      '',
      'sha256:abc',
      DIGEST.toUpperCase(),
      `${DIGEST}/../x`,
      `md5:${'a'.repeat(32)}`,
      null,
      undefined,
      [DIGEST],
    ])('refuses the digest %j', (digest) => {
      expect(refusal({ ...LAYER, digest })).toEqual({ code: 'MANIFEST_INVALID', field: 'layers[0].digest' });
    });

    it.each(['', null, undefined, 1, {}, 'x'.repeat(256)])('refuses the media type %j', (mediaType) => {
      expect(refusal({ ...LAYER, mediaType })).toEqual({ code: 'MANIFEST_INVALID', field: 'layers[0].mediaType' });
    });

    it.each([
      ['other content of the same length', 'W10='],
      ['content of another length', 'e30gIA=='],
      ['base64 without padding', 'e30'],
      ['base64 with other bits in its padding', 'e31='],
      ['the URL alphabet', 'e3-='],
      ['white space', 'e3\n='],
      ['no text', 5],
    ])('refuses data of %s', (_, data) => {
      expect(refusal({ ...LAYER, data })).toEqual({ code: 'MANIFEST_INVALID', field: 'layers[0].data' });
    });

    it('refuses data whose digest is right and whose size is not', () => {
      expect(refusal({ ...LAYER, size: 1, data: 'e30=' }).field).toBe('layers[0].data');
      expect(refusal({ ...LAYER, size: 3, data: 'e30=' }).field).toBe('layers[0].data');
    });

    it('refuses base64 that decodes to the right bytes but is not how they are written', () => {
      const bytes = new Uint8Array([0xfb]);
      const descriptor = { ...LAYER, digest: digestOf(bytes), size: 1 };
      expect(refusal({ ...descriptor, data: '+w==' }).code).toBe('accepted');
      expect(refusal({ ...descriptor, data: '-w==' }).code).toBe('MANIFEST_INVALID');
      expect(refusal({ ...descriptor, data: '+x==' }).code).toBe('MANIFEST_INVALID');
    });

    it.each([
      ['urls', 'https://x'],
      ['urls', [1]],
      ['urls', {}],
      ['annotations', []],
      ['annotations', { a: 1 }],
      ['annotations', { a: null }],
      ['annotations', { a: '\0' }],
      ['annotations', { '\0': 'a' }],
      ['annotations', { a: '\ud800' }],
      ['artifactType', 1],
      ['platform', 'linux'],
      ['platform', []],
    ])('refuses %s of %j', (key, value) => {
      expect(refusal({ ...LAYER, [key]: value })).toEqual({ code: 'MANIFEST_INVALID', field: `layers[0].${key}` });
    });

    it('refuses a platform whose fields are not texts', () => {
      expect(refusal({ ...LAYER, platform: { os: 1 } }).field).toBe('layers[0].platform.os');
      expect(refusal({ ...LAYER, platform: { 'os.features': [1] } }).field).toBe('layers[0].platform.os.features');
    });

    it('takes nothing from __proto__, and sets nothing', () => {
      const text = `{"__proto__":${JSON.stringify(LAYER)},"constructor":{"prototype":{"a":1}}}`;
      expect(refusal(JSON.parse(text)).code).toBe('MANIFEST_INVALID');
      const annotations: unknown = JSON.parse('{"__proto__":"x"}');
      const parsed = parseDescriptor({ ...LAYER, annotations }).annotations ?? {};
      expect(Object.entries(parsed)).toEqual([['__proto__', 'x']]);
      expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    });

    it('keeps hostile texts in annotations and urls as the data they are', () => {
      const value = { ...LAYER, urls: ['javascript:alert(1)'], annotations: { title: '<script>' } };
      expect(parseDescriptor(value)).toStrictEqual(value);
    });
  });
});
