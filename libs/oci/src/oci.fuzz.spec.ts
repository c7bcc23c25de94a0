import fc from 'fast-check';
import { acceptedMediaRanges } from './accept.js';
import { parseContentRange, parseRange } from './content-range.js';
import { parseDescriptor } from './descriptor.js';
import { type Digest, digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from './digest.js';
import { errorEnvelope, RegistryError, registryError, type RegistryErrorCode } from './errors.js';
import { nextLink } from './link-header.js';
import { parseManifest } from './manifest.js';
import {
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_ARTIFACT_MANIFEST,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-types.js';
import { parseReference } from './reference.js';
import { parseRepositoryName } from './repository-name.js';
import { formatScope, parseScope, parseScopes } from './scope.js';
import { toSchema1 } from './schema1.js';
import { parseTag } from './tag.js';

const LENGTHS = { sha256: 64, sha512: 128 } as const;

/** Any text, and text of what the field's words are made of, so that it is often nearly one. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(...'abzAZ09._-/:@,=*%+ \\\0\n'), maxLength: 300 }),
);
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const digest = fc.oneof(
  hex(64).map((digits) => `sha256:${digits}`),
  hex(128).map((digits) => `sha512:${digits}`),
);
/** A valid text with one character taken away, put in or replaced. */
const mutated = (valid: fc.Arbitrary<string>) =>
  fc.tuple(valid, fc.nat(), fc.nat(1), fc.string({ unit: 'binary', maxLength: 2 })).map(([text, at, removed, put]) => {
    const position = at % (text.length + 1);
    return text.slice(0, position) + put + text.slice(position + removed);
  });

/** What a parser made of it, or the code of its refusal; anything else that it throws fails the test. */
function outcome<T>(parse: () => T): { value: T } | { code: RegistryErrorCode; status: number } {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { code: error.code, status: error.status };
  }
}

describe('any text', () => {
  it('is a digest as the spec writes it, or DIGEST_INVALID', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, digest, mutated(digest)), (text) => {
        const [algorithm, digits = '', ...rest] = text.split(':');
        const length = Object.hasOwn(LENGTHS, algorithm!) ? LENGTHS[algorithm as 'sha256'] : -1;
        const isOne = rest.length === 0 && digits.length === length && [...digits].every((digit) => '0123456789abcdef'.includes(digit)); // prettier-ignore
        expect(outcome(() => parseDigest(text))).toEqual(
          isOne ? { value: text } : { code: 'DIGEST_INVALID', status: 400 },
        );
        if (isDigest(text)) expect(`${digestAlgorithm(text)}:${digestHex(text)}`).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a tag of 1 to 128 characters, or MANIFEST_INVALID', () => {
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
    const first = /^[A-Za-z0-9_]/;
    fc.assert(
      fc.property(fc.oneof(anyText, tag, mutated(tag)), (text) => {
        const isOne = first.test(text) && text.length <= 128 && !/[^A-Za-z0-9._-]/.test(text);
        expect(outcome(() => parseTag(text))).toEqual(
          isOne ? { value: text } : { code: 'MANIFEST_INVALID', status: 400 },
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a reference by its colon', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, digest, mutated(digest)), (text) => {
        const result = outcome(() => parseReference(text));
        if ('code' in result) expect(result.code).toBe(text.includes(':') ? 'DIGEST_INVALID' : 'MANIFEST_INVALID');
        else if (result.value.kind === 'digest') expect(result.value.digest).toBe(text);
        else expect(result.value.tag).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a name by the grammar of the spec, or NAME_INVALID', () => {
    const grammar = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
    const name = fc
      .array(fc.stringMatching(/^[a-z0-9]{1,9}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/), { minLength: 1, maxLength: 4 })
      .map((components) => components.join('/'));
    fc.assert(
      fc.property(fc.oneof(anyText, name, mutated(name)), (text) => {
        const canonical = text.includes('/') ? text : `library/${text}`;
        const isOne = canonical.length <= 255 && grammar.test(text) && !/^manage(\/|$)/.test(text);
        expect(outcome(() => parseRepositoryName(text))).toEqual(
          isOne ? { value: canonical } : { code: 'NAME_INVALID', status: 400 },
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a scope, which written again is the same, or none', () => {
    const scope = fc
      .tuple(fc.constantFrom('repository', 'registry', 'repository(plugin)'), anyText, fc.constantFrom('pull', '*', ''))
      .map((parts) => parts.join(':'));
    fc.assert(
      fc.property(fc.oneof(anyText, scope), (text) => {
        const parsed = parseScope(text);
        if (parsed) expect(parseScope(formatScope(parsed))).toEqual(parsed);
        expect(parseScopes([text, text]).length).toBeLessThanOrEqual(2 * text.split(' ').length);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('ranges', () => {
  const number = fc.oneof(
    fc.constant(''),
    fc.nat(20).map(String),
    fc.bigInt({ min: 0n, max: 1n << 70n }).map(String),
    fc.stringMatching(/^0{0,5}[0-9]{1,400}$/),
  );
  const pair = fc.tuple(number, number);

  it('of a chunk are exact numbers in order, or 416', () => {
    const header = fc.oneof(anyText, mutated(pair.map(([first, last]) => `${first}-${last}`)));
    fc.assert(
      fc.property(
        fc.oneof(
          header,
          pair.map(([first, last]) => `${first}-${last}`),
        ),
        (text) => {
          const [, first, last] = /^([0-9]+)-([0-9]+)$/.exec(text) ?? [];
          const isOne =
            first !== undefined && BigInt(first) <= BigInt(last!) && BigInt(last!) < BigInt(Number.MAX_SAFE_INTEGER);
          expect(outcome(() => parseContentRange(text))).toEqual(
            isOne
              ? { value: { start: Number(first), end: Number(last) } }
              : { code: 'BLOB_UPLOAD_INVALID', status: 416 },
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('of a download are clipped, refused or ignored as exact arithmetic says', () => {
    const header = pair.map(([first, last]) => `bytes=${first}-${last}`);
    fc.assert(
      fc.property(
        fc.oneof(header, header, mutated(header), anyText),
        fc.oneof(fc.nat(20), fc.maxSafeNat()),
        (text, size) => {
          const match = /^bytes=([0-9]*)-([0-9]*)$/i.exec(text);
          const expected = match ? exactRange(match[1]!, match[2]!, BigInt(size)) : null;
          expect(parseRange(text, size)).toEqual(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  /** RFC 9110 section 14.1.2, in whole numbers of any size. */
  function exactRange(first: string, last: string, size: bigint) {
    const range = (start: bigint, end: bigint) => ({ start: Number(start), end: Number(end) });
    if (first === '') {
      if (last === '') return null;
      const length = BigInt(last);
      if (length === 0n) return 'unsatisfiable';
      if (size === 0n) return null;
      return range(length > size ? 0n : size - length, size - 1n);
    }
    const start = BigInt(first);
    const end = last === '' ? null : BigInt(last);
    if (end !== null && end < start) return 'unsatisfiable';
    if (start >= size) return 'unsatisfiable';
    return range(start, end === null || end >= size ? size - 1n : end);
  }
});

describe('headers', () => {
  it('gives back the media ranges that an Accept was made of', () => {
    const token = fc.stringMatching(/^[a-z0-9!#$&^_.+-]{1,20}$/);
    const mediaRange = fc.tuple(token, token).map(([type, subtype]) => `${type}/${subtype}`);
    const weight = fc.constantFrom('', ';q=1', ' ; q=0.5', ';level=1;q=0.001');
    fc.assert(
      fc.property(fc.array(fc.tuple(mediaRange, weight)), (entries) => {
        const accept = entries.map((entry) => entry.join('')).join(' , ');
        expect(acceptedMediaRanges(accept)).toEqual(new Set(entries.map(([range]) => range)));
      }),
    );
  });

  it('never lets a Link leave its line, its brackets or its host', () => {
    fc.assert(
      fc.property(anyText, anyText, (path, last) => {
        const link = nextLink(`/${path}`, { last });
        expect(link).toMatch(/^<\/[!-;=?-~]*>; rel="next"$/);
        expect(new URL(/^<(.*)>/.exec(link)![1]!, 'http://own.example').host).toBe('own.example');
      }),
      { numRuns: 500 },
    );
  });
});

describe('errors', () => {
  it('never grow with what the client sent', () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 6, withNullPrototype: true }), fc.string(), (detail, message) => {
        const long = message.repeat(100);
        const body = JSON.stringify(
          errorEnvelope(registryError('MANIFEST_INVALID', [detail, long], { message: long })),
        );
        expect(body.length).toBeLessThan(200_000);
      }),
    );
  });
});

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const entry = (mediaType: string, seed: number, more: object = {}) => ({
  mediaType,
  digest: digestOf(Uint8Array.of(seed)),
  size: 1,
  ...more,
});
const CONFIG = entry(DOCKER_IMAGE_CONFIG, 0);
const LAYERS = [entry(DOCKER_LAYER_GZIP, 1), entry(DOCKER_LAYER_GZIP, 2, { data: 'Ag==', annotations: { a: 'b' } })];
const VALID = [
  { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config: CONFIG, layers: LAYERS },
  {
    ...{ schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config: CONFIG, layers: LAYERS, artifactType: 'a/b' },
    ...{ subject: entry(OCI_IMAGE_MANIFEST, 3), annotations: { c: 'd' } },
  },
  {
    ...{ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX },
    manifests: [entry(DOCKER_MANIFEST, 4, { platform: { os: 'linux', architecture: 'amd64', 'os.features': ['x'] } })],
  },
  { mediaType: OCI_ARTIFACT_MANIFEST, artifactType: 'a/b', blobs: LAYERS },
];
const WORDS = ['__proto__', 'constructor', 'toString', 'digest', 'Size', 'layerſ', ''];
const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(...WORDS, -1, 0.5, 1e300, 2 ** 53, null, [], {}, '\ud800', '\0'),
);

/** A JSON value with something else at one place of it, or under one more key there. */
const spoiled = (valid: object) =>
  fc
    .tuple(fc.array(fc.nat(), { maxLength: 4 }), anyValue, fc.option(fc.constantFrom(...WORDS)))
    .map(([path, value, key]) => {
      const copy = structuredClone(valid) as Record<string, unknown>;
      let place = copy;
      let last: string | null = null;
      for (const step of path) {
        const inside = last === null ? place : place[last];
        if (typeof inside !== 'object' || inside === null) break;
        place = inside as Record<string, unknown>;
        const keys = Object.keys(place);
        last = keys[step % Math.max(1, keys.length)] ?? null;
      }
      Object.defineProperty(place, key ?? last ?? 'x', { value, enumerable: true, configurable: true, writable: true });
      return copy;
    });

/** The bytes of a JSON value with a few of them changed. */
const damaged = (valid: object) =>
  fc
    .array(fc.tuple(fc.nat(), fc.nat(2), fc.uint8Array({ maxLength: 3 })), { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (bytes, [at, removed, put]) => {
          const position = at % (bytes.length + 1);
          return Buffer.concat([bytes.subarray(0, position), put, bytes.subarray(position + removed)]);
        },
        Buffer.from(JSON.stringify(valid)),
      ),
    );

describe('a manifest', () => {
  const contentType = fc.oneof(
    fc.constantFrom(undefined, '', ...VALID.map(({ mediaType }) => mediaType), 'application/vnd.example+json'),
    fc.string({ maxLength: 40 }),
  );

  function parsesOrIsRefused(bytes: Uint8Array, type: string | undefined): void {
    const result = outcome(() => parseManifest(bytes, type));
    if ('code' in result) return expect(result).toEqual({ code: 'MANIFEST_INVALID', status: 400 });
    const { blobs, manifests, layers } = result.value;
    expect(result.value.size).toBe(bytes.byteLength);
    for (const { digest, size } of [...blobs, ...manifests, ...layers]) {
      expect(isDigest(digest) && Number.isSafeInteger(size) && size >= 0).toBe(true);
    }
  }

  it.each(VALID.map((manifest) => [manifest.mediaType, manifest] as const))(
    'of %s is one as it is, and whatever is wrong with it is MANIFEST_INVALID',
    (_mediaType, manifest) => {
      expect(parseManifest(encode(manifest), manifest.mediaType).kind).not.toBe('opaque');
      const bytes = fc.oneof(spoiled(manifest).map(encode), damaged(manifest));
      fc.assert(fc.property(bytes, contentType, parsesOrIsRefused), { numRuns: 1_000 });
    },
  );

  it('is nothing else that JSON can write', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 8 }).map(encode), contentType, parsesOrIsRefused), {
      numRuns: 500,
    });
  });

  it('has no descriptor that is anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), spoiled(LAYERS[1]!)), (value) => {
        const result = outcome(() => parseDescriptor(value));
        if ('code' in result) expect(result.code).toBe('MANIFEST_INVALID');
      }),
      { numRuns: 1_000 },
    );
  });

  const MAX_BYTES = 4 * 1024 * 1024;
  const filled = (unit: string) => unit.repeat(Math.floor(MAX_BYTES / unit.length));
  it.each([
    ['opening brackets', filled('[')],
    ['quotes', filled('"')],
    ['escaped quotes', `"${filled('\\"')}`],
    ['backslashes', `"${filled('\\')}`],
    ['keys', `{${filled('"layers":1,')}`],
    ['keys of one object', `{${filled('"k":1,')}"k":1}`],
    ['keys before spaces', `{"layers"${filled(' ')}:1}`],
    ['empty children', `{"schemaVersion":2,"manifests":[${filled('{},')}{}]}`],
    ['children that are texts', `{"schemaVersion":2,"manifests":[${filled('"",')}""]}`],
    ['one number', `{"schemaVersion":${filled('9')}}`],
    ['an annotation of control characters', `{"schemaVersion":2,"annotations":{"a":"${filled('\\u0001')}"}}`],
    ['urls', `{"schemaVersion":2,"manifests":[{"urls":[${filled('"",')}""]}]}`],
  ])('of 4 MiB of %s is read in no time to speak of', (_what, text) => {
    parsesOrIsRefused(Buffer.from(text), OCI_IMAGE_INDEX);
  });
});

describe('a config that becomes schema 1', () => {
  const valid = {
    ...{ architecture: 'amd64', os: 'linux', config: { Cmd: ['sh'] } },
    rootfs: { type: 'layers', diff_ids: ['a', 'b'] },
    history: [{ created_by: 'ADD' }, { empty_layer: true, comment: '"' }, { created: '2026-01-01T00:00:00Z' }],
  };

  it('makes a manifest that hangs together, or none', () => {
    const config = fc.oneof(spoiled(valid).map(encode), damaged(valid), fc.jsonValue().map(encode));
    fc.assert(
      fc.property(config, (bytes) => {
        const source = { name: 'a/b', tag: parseTag('v1'), layers: LAYERS, config: bytes };
        const payload = toSchema1(source);
        if (!payload) return;
        expect(payload.equals(toSchema1(source)!)).toBe(true);
        expectChain(payload);
      }),
      { numRuns: 1_000 },
    );
  });

  function expectChain(payload: Buffer): void {
    const { fsLayers, history } = JSON.parse(payload.toString()) as {
      fsLayers: { blobSum: Digest }[];
      history: { v1Compatibility: string }[];
    };
    expect(history).toHaveLength(fsLayers.length);
    expect(fsLayers.every(({ blobSum }) => isDigest(blobSum))).toBe(true);
    const images = history.map(({ v1Compatibility }) => JSON.parse(v1Compatibility) as { id: string; parent?: string });
    expect(images.map(({ parent }) => parent)).toEqual([...images.slice(1).map(({ id }) => id), undefined]);
    expect(new Set(images.map(({ id }) => id)).size).toBe(images.length);
  }
});
