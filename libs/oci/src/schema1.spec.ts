import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { digestOf } from './digest.js';
import { parseManifest } from './manifest.js';
import {
  DOCKER_FOREIGN_LAYER_GZIP,
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_ARTIFACT_MANIFEST,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
} from './media-types.js';
import { SCHEMA1_EMPTY_LAYER, SCHEMA1_EMPTY_LAYER_DIGEST, schema1Child, schema1Config, toSchema1 } from './schema1.js';
import { parseTag } from './tag.js';

type Fields = Record<string, unknown>;
interface Schema1 {
  schemaVersion: number;
  name: string;
  tag: string;
  architecture: string;
  fsLayers: { blobSum: string }[];
  history: { v1Compatibility: string }[];
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const descriptor = (mediaType: string, seed: unknown, more: Fields = {}) => ({
  mediaType,
  digest: digestOf(encode(seed)),
  size: 7,
  ...more,
});
const LAYERS = [descriptor(DOCKER_LAYER_GZIP, 1), descriptor(DOCKER_LAYER_GZIP, 2)];
const TAG = parseTag('v1');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hex = (digest: string) => digest.replace('sha256:', '');

const STEPS: Fields[] = [
  { created: '2026-01-01T00:00:00Z', created_by: 'ADD', author: 'me', comment: 'first' },
  { created: '2026-01-02T00:00:00Z', created_by: 'ENV', empty_layer: true },
  { created: '2026-01-03T00:00:00Z', created_by: 'COPY' },
];
const config = (more: Fields = {}): Fields => ({
  architecture: 'amd64',
  os: 'linux',
  config: { Cmd: ['sh'], Labels: { a: '"<ü>' } },
  rootfs: { type: 'layers', diff_ids: ['sha256:a', 'sha256:b'] },
  history: STEPS,
  ...more,
});

function convert(value: unknown, layers = LAYERS): Schema1 | null {
  const bytes = value instanceof Uint8Array ? value : encode(value);
  const payload = toSchema1({ name: 'busybox', tag: TAG, layers, config: bytes });
  return payload && (JSON.parse(payload.toString()) as Schema1);
}

const histories = (manifest: Schema1 | null) =>
  manifest!.history.map(({ v1Compatibility }) => JSON.parse(v1Compatibility) as Fields);

describe(toSchema1.name, () => {
  it('lists the layers from the newest on, with an empty one for each step that made none', () => {
    expect(convert(config())).toMatchObject({
      schemaVersion: 1,
      name: 'busybox',
      tag: 'v1',
      architecture: 'amd64',
      fsLayers: [
        { blobSum: LAYERS[1]!.digest },
        { blobSum: SCHEMA1_EMPTY_LAYER_DIGEST },
        { blobSum: LAYERS[0]!.digest },
      ],
    });
  });

  it("chains the steps by ids as Docker's registry makes them", () => {
    const bytes = encode(config());
    const first = sha256(`${hex(LAYERS[0]!.digest)} `);
    const second = sha256(`${hex(SCHEMA1_EMPTY_LAYER_DIGEST)} ${first}`);
    const third = sha256(`${hex(LAYERS[1]!.digest)} ${second} ${Buffer.from(bytes).toString()}`);
    expect(histories(convert(bytes))).toEqual([
      { architecture: 'amd64', os: 'linux', config: { Cmd: ['sh'], Labels: { a: '"<ü>' } }, id: third, parent: second },
      {
        id: second,
        parent: first,
        created: '2026-01-02T00:00:00Z',
        container_config: { Cmd: ['ENV'] },
        throwaway: true,
      },
      {
        id: first,
        comment: 'first',
        created: '2026-01-01T00:00:00Z',
        container_config: { Cmd: ['ADD'] },
        author: 'me',
      },
    ]);
  });

  it('marks a newest step that made no layer', () => {
    const history = [STEPS[0], STEPS[2], STEPS[1]];
    const manifest = convert(config({ history }));
    expect(histories(manifest)[0]).toMatchObject({ throwaway: true, os: 'linux' });
    expect(manifest!.fsLayers[0]).toEqual({ blobSum: SCHEMA1_EMPTY_LAYER_DIGEST });
  });

  it('makes the same bytes every time', () => {
    const once = () => toSchema1({ name: 'a/b', tag: TAG, layers: LAYERS, config: encode(config()) });
    expect(once()).toEqual(once());
    expect(once()!.toString()).toMatch(/^\{\n {3}"schemaVersion": 1,\n {3}"name": "a\/b",[^]*\n {3}\]\n\}$/);
  });

  it('takes each layer for a step where no step is told', () => {
    for (const history of [undefined, null, []]) {
      const manifest = convert(config({ history }));
      expect(manifest!.fsLayers).toEqual([...LAYERS].reverse().map(({ digest }) => ({ blobSum: digest })));
      expect(histories(manifest)[1]).toMatchObject({
        created: '0001-01-01T00:00:00Z',
        container_config: { Cmd: [''] },
      });
    }
  });

  it('makes an image of nothing but empty steps', () => {
    const value = config({ rootfs: { type: 'layers', diff_ids: [] }, history: [STEPS[1]] });
    expect(convert(value, [])).toMatchObject({ fsLayers: [{ blobSum: SCHEMA1_EMPTY_LAYER_DIGEST }] });
  });

  it('lets no field of the config stand for the chain', () => {
    const manifest = convert(config({ id: 'x', parent: 'y', throwaway: true, rootfs: config().rootfs }));
    const [newest] = histories(manifest);
    expect(newest).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{64}$/), parent: histories(manifest)[1]!.id });
    expect(newest).not.toHaveProperty('throwaway');
    const single = convert(config({ parent: 'y', history: [STEPS[0]], rootfs: { diff_ids: ['a'] } }), [LAYERS[0]!]);
    expect(histories(single)[0]).not.toHaveProperty('parent');
  });

  it('keeps __proto__ and constructor for the plain keys that they are', () => {
    const text = JSON.stringify(config()).replace(
      '{',
      '{"__proto__":{"rootfs":1,"polluted":true},"constructor":{"x":1},',
    );
    const [newest] = convert(new TextEncoder().encode(text))!.history;
    expect(newest!.v1Compatibility).toContain('"__proto__":{"rootfs":1,"polluted":true}');
    expect(({} as Fields).polluted).toBeUndefined();
    const hidden = `{"__proto__":${JSON.stringify(config())}}`;
    expect(convert(new TextEncoder().encode(hidden))).toBeNull();
  });

  it.each<[string, unknown]>([
    ['nothing', new Uint8Array()],
    ['no JSON', new TextEncoder().encode('{"rootfs":')],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, ...encode(config()))],
    ['null', null],
    ['a list', [config()]],
    ['{}, as the config of an artifact is', {}],
    ['no rootfs', config({ rootfs: undefined })],
    ['a rootfs of another type', config({ rootfs: [] })],
    ['no diff_ids', config({ rootfs: { type: 'layers' } })],
    ['diff_ids of another type', config({ rootfs: { diff_ids: { length: 2 } } })],
    ['fewer diff_ids than layers', config({ rootfs: { diff_ids: ['a'] } })],
    ['an architecture that is no text', config({ architecture: 7 })],
    ['a history that is no list', config({ history: { length: 0 } })],
    ['a step that is no object', config({ history: [STEPS[0], 'x', STEPS[2]] })],
    ['a step that is null', config({ history: [STEPS[0], null, STEPS[2]] })],
    ['a text of the wrong type', config({ history: [STEPS[0], { created_by: {} }] })],
    ['an empty_layer that is no boolean', config({ history: [STEPS[0], { empty_layer: 'false' }] })],
    ['more steps with a layer than layers', config({ history: [STEPS[0], STEPS[0], STEPS[0]] })],
    ['fewer steps with a layer than layers', config({ history: [STEPS[0], STEPS[1]] })],
    ['10,001 steps', config({ history: [STEPS[0], STEPS[0], ...Array.from({ length: 9_999 }, () => STEPS[1])] })],
    [
      'a million steps',
      new TextEncoder().encode(`{"rootfs":{"diff_ids":[1,2]},"history":[${'{},'.repeat(999_999)}{}]}`),
    ],
    ['100,000 levels', new TextEncoder().encode(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
    ['more than 4 MiB', config({ author: 'x'.repeat(4 * 1024 * 1024) })],
  ])('gives nothing for a config that is or has %s', (_what, value) => {
    expect(convert(value)).toBeNull();
  });

  it('gives nothing for an image without a layer and without a step', () => {
    expect(convert(config({ rootfs: { diff_ids: [] }, history: [] }), [])).toBeNull();
  });

  it('converts 10,000 steps, and nearly 4 MiB', () => {
    const history = [STEPS[0], STEPS[0], ...Array.from({ length: 9_998 }, () => STEPS[1])];
    expect(convert(config({ history }))!.fsLayers).toHaveLength(10_000);
    expect(convert(config({ author: '"'.repeat(2 * 1024 * 1024 - 1_000) }))).not.toBeNull();
  });
});

describe(schema1Config.name, () => {
  const image = (mediaType: string, configType: string, layers: Fields[], size = 7) =>
    parseManifest(
      encode({ schemaVersion: 2, mediaType, config: descriptor(configType, 'c', { size }), layers }),
      mediaType,
    );

  it.each([
    [DOCKER_MANIFEST, DOCKER_IMAGE_CONFIG, DOCKER_LAYER_GZIP],
    [OCI_IMAGE_MANIFEST, OCI_IMAGE_CONFIG, OCI_LAYER_GZIP],
    [OCI_IMAGE_MANIFEST, OCI_IMAGE_CONFIG, OCI_LAYER],
  ])('is the config of an image of %s', (mediaType, configType, layer) => {
    expect(schema1Config(image(mediaType, configType, [descriptor(layer, 1)]))?.mediaType).toBe(configType);
  });

  it.each([
    ['an artifact', OCI_EMPTY, [descriptor(OCI_LAYER_GZIP, 1)]],
    ['an unknown config', 'application/vnd.cncf.helm.config.v1+json', [descriptor(OCI_LAYER_GZIP, 1)]],
    ['zstd', OCI_IMAGE_CONFIG, [descriptor(OCI_LAYER_GZIP, 1), descriptor(OCI_LAYER_ZSTD, 2)]],
    ['a layer that is no tar', OCI_IMAGE_CONFIG, [descriptor('text/plain', 1)]],
    ['a foreign layer', OCI_IMAGE_CONFIG, [descriptor(DOCKER_FOREIGN_LAYER_GZIP, 1)]],
    ['a layer with urls', OCI_IMAGE_CONFIG, [descriptor(OCI_LAYER_GZIP, 1, { urls: ['https://a.example'] })]],
  ])('is none for %s', (_what, configType, layers) => {
    expect(schema1Config(image(OCI_IMAGE_MANIFEST, configType, layers))).toBeNull();
  });

  it('is none where it is larger than 4 MiB, or the manifest is no image', () => {
    expect(schema1Config(image(DOCKER_MANIFEST, DOCKER_IMAGE_CONFIG, LAYERS, 4 * 1024 * 1024))).not.toBeNull();
    expect(schema1Config(image(DOCKER_MANIFEST, DOCKER_IMAGE_CONFIG, LAYERS, 4 * 1024 * 1024 + 1))).toBeNull();
    expect(schema1Config(parseManifest(encode({ blobs: [] }), OCI_ARTIFACT_MANIFEST))).toBeNull();
    expect(schema1Config(parseManifest(encode({}), 'application/vnd.example+json'))).toBeNull();
  });
});

describe(schema1Child.name, () => {
  const platform = (architecture: string, os = 'linux') => ({ platform: { architecture, os } });
  const index = (...manifests: Fields[]) =>
    parseManifest(encode({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests }), OCI_IMAGE_INDEX);

  it('is the first image for linux/amd64', () => {
    const children = [
      descriptor(OCI_IMAGE_MANIFEST, 1, platform('arm64')),
      descriptor(OCI_IMAGE_MANIFEST, 2, platform('amd64', 'windows')),
      descriptor(DOCKER_MANIFEST_LIST, 3, platform('amd64')),
      descriptor(DOCKER_MANIFEST, 4, platform('amd64')),
      descriptor(DOCKER_MANIFEST, 5, platform('amd64')),
    ];
    expect(schema1Child(index(...children))?.digest).toBe(children[3]!.digest);
  });

  it('is none where there is none', () => {
    expect(schema1Child(index())).toBeNull();
    expect(schema1Child(index(descriptor(OCI_IMAGE_MANIFEST, 1)))).toBeNull();
    expect(schema1Child(index(descriptor(OCI_LAYER_GZIP, 1, platform('amd64'))))).toBeNull();
  });
});

describe('the empty layer', () => {
  it('is an empty tar', () => {
    expect(digestOf(SCHEMA1_EMPTY_LAYER)).toBe(SCHEMA1_EMPTY_LAYER_DIGEST);
    expect(gunzipSync(SCHEMA1_EMPTY_LAYER).equals(Buffer.alloc(1024))).toBe(true);
  });
});
