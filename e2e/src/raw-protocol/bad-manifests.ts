import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

import {
  aManifest,
  anImage,
  blobOf,
  descriptorOf,
  EMPTY_CONFIG,
  exchangeBytes,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
  randomBlob,
} from '@berth/testing';

import type { Stack } from '../stack.js';

const LIMIT = 4 * 1024 * 1024;

/** Manifests that are made to hurt: refused in the spec's words with nothing stored, or kept byte for byte. */
export function describeBadManifests(stack: () => Stack): void {
  const client = () => stack().client();
  const name = 'raw/bad-manifests';
  const layer = randomBlob(10);
  const config = descriptorOf(EMPTY_CONFIG);
  const image = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [descriptorOf(layer)] };
  const written = JSON.stringify(image);

  const ofText = (text: string | Buffer, mediaType: string = MEDIA_TYPE.ociManifest) => blobOf(text, mediaType);
  const ofLayer = (more: object) =>
    jsonManifest(MEDIA_TYPE.ociManifest, { ...image, layers: [{ ...image.layers[0], ...more }] });
  const sized = (size: string) => ofText(written.replace(/"size":10/, `"size":${size}`));
  const withFields = (fields: string) => ofText(written.replace('{', `{${fields},`));
  const children = (list: string) =>
    ofText(`{"schemaVersion":2,"mediaType":"${MEDIA_TYPE.ociIndex}","manifests":[${list}]}`, MEDIA_TYPE.ociIndex);
  /** An artifact of exactly `size` bytes. */
  function ofSize(size: number): Manifest {
    const empty = aManifest({ annotations: { filler: '' } });
    return aManifest({ annotations: { filler: 'x'.repeat(size - empty.size) } });
  }

  async function expectKept(manifest: Manifest, tag = 'kept'): Promise<void> {
    await client().pushManifest(name, manifest, tag);
    const got = (await client().getManifest(name, tag)).expect(200);
    expect(got.bytes.equals(manifest.bytes)).toBe(true);
    expect(got.header('content-type')).toBe(manifest.mediaType);
  }

  describe('manifests that are made to hurt', () => {
    beforeAll(async () => {
      for (const blob of [EMPTY_CONFIG, layer]) await client().pushBlob(name, blob);
    });

    it.each<[string, Manifest]>([
      ['100,000 levels deep', ofText(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
      [
        '100,000 levels deep in a field that is kept',
        withFields(`"a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
      ],
      ['an index of a million children', children(`${'{},'.repeat(999_999)}{}`)],
      [
        'an index of 20,000 valid children',
        children(
          Array(20_000)
            .fill(JSON.stringify(descriptorOf(layer)))
            .join(),
        ),
      ],
      ['one with its layers twice', withFields('"layers":[]')],
      ['one with its config in another case', withFields('"Config":{}')],
      [
        'one with a digest twice in a descriptor',
        ofText(written.replace('"digest"', `"digest":"${layer.digest}","digest"`)),
      ],
      ['all in __proto__', ofText(`{"__proto__":${written}}`)],
      ['with its layers in __proto__', ofText(`{"schemaVersion":2,"config":{"__proto__":${JSON.stringify(config)}}}`)],
      ['of a negative size', sized('-1')],
      ['of half a byte', sized('10.5')],
      ['of a size beyond 2^53', sized('9007199254740993')],
      ['of an infinite size', sized('1e400')],
      ['of a size in quotes', sized('"10"')],
      ['of a size that is not that of the blob', sized('11')],
      ['of size zero for a blob that has bytes', sized('0')],
      [
        'of two sizes for one blob',
        jsonManifest(MEDIA_TYPE.ociManifest, { ...image, layers: [image.layers[0], { ...image.layers[0], size: 11 }] }),
      ],
      ['with a byte order mark', ofText(`\ufeff${written}`)],
      ['UTF-16', ofText(Buffer.from(written, 'utf16le'))],
      [
        'invalid UTF-8',
        ofText(
          Buffer.concat([
            Buffer.from('{"a":"'),
            Buffer.from([0xff, 0xc0]),
            Buffer.from('",'),
            Buffer.from(written.slice(1)),
          ]),
        ),
      ],
      ['with NUL in a text', ofLayer({ annotations: { a: 'b\0' } })],
      ['with half a surrogate pair', ofText(written.replace('"layers"', '"annotations":{"a":"\\ud800"},"layers"'))],
      ['with data of another digest', ofLayer({ data: Buffer.alloc(10).toString('base64') })],
      ['with data of another size', ofLayer({ data: 'AAAA' })],
      ['with data that is no base64', ofLayer({ data: '!!!!!!!!!!!!!!!!' })],
      ['gzipped', ofText(gzipSync(written))],
      ['with two values', ofText(`${written}${written}`)],
    ])('refuses one that is %s, and stores nothing', async (_what, manifest) => {
      const answer = (await client().putManifest(name, 'refused', manifest)).expect(400);
      expect(answer.codes).toEqual(['MANIFEST_INVALID']);
      expect(answer.bytes.length).toBeLessThan(4_096);
      for (const reference of ['refused', manifest.digest]) {
        expect((await client().getManifest(name, reference)).status).toBe(404);
      }
    });

    it('refuses one that says it is gzipped, whatever it is', async () => {
      const manifest = ofText(gzipSync(written));
      const headers = { 'content-encoding': 'gzip' };
      (await client().putManifest(name, 'refused', manifest, { headers })).expect(400, 415);
      expect((await client().getManifest(name, 'refused')).status).toBe(404);
    });

    it.each<[string, Manifest]>([
      [
        'keys that are names of JavaScript',
        withFields('"constructor":{"prototype":{"x":1}},"toString":1,"hasOwnProperty":null'),
      ],
      ['__proto__ beside what it needs', withFields('"__proto__":{"layers":[],"polluted":true}')],
      ['numbers beyond 2^53 where nobody reads', withFields('"x":[9007199254740993,1e400,-0.0]')],
      ['a megabyte of annotations', aManifest({ annotations: { big: 'x'.repeat(1_000_000) } })],
      [
        'ten thousand annotations',
        aManifest({ annotations: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, 'v'])) }),
      ],
      [
        'scripts in annotations',
        aManifest({ annotations: { url: 'javascript:alert(1)', html: '<script>alert("x")</script>', '<b>': "'&;" } }),
      ],
      ['urls that are scripts', ofLayer({ urls: ['javascript:alert(1)', 'data:text/html,<b>', 'file:///etc/passwd'] })],
      [
        'spaces and escapes of its own',
        ofText(
          ` {\n "schemaVersion" : 2, "\\u006dediaType" : "${MEDIA_TYPE.ociManifest}",\t"config":${JSON.stringify(config)}}\r\n`,
        ),
      ],
    ])('keeps %s byte for byte', async (_what, manifest) => {
      await expectKept(manifest);
    });

    describe('and the limit of 4 MiB', () => {
      it('lets in one of 4 MiB', async () => {
        await expectKept(ofSize(LIMIT), 'large');
      });

      it('refuses one byte more', async () => {
        const answer = await client().putManifest(name, 'larger', ofSize(LIMIT + 1));
        expect(answer.expect(413).codes).toEqual(['MANIFEST_INVALID']);
        expect((await client().getManifest(name, 'larger')).status).toBe(404);
      });

      it('is known from the Content-Length, before a byte has come', async () => {
        const token = await client().tokenFor([`repository:${name}:pull,push`]);
        const head = [
          `PUT /v2/${name}/manifests/larger HTTP/1.1`,
          'Host: x',
          ...(token ? [`Authorization: ${token}`] : []),
          `Content-Type: ${MEDIA_TYPE.ociManifest}`,
          `Content-Length: ${5 * 1024 * 1024}`,
        ].join('\r\n');
        const answer = await exchangeBytes(stack().host, `${head}\r\n\r\n`);
        expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*"MANIFEST_INVALID"/);
      });

      it('holds for a body of unknown length', async () => {
        const chunks = (count: number) => () =>
          Readable.from(Array.from({ length: count }, () => Buffer.alloc(65_536, ' ')));
        const refused = await client().putManifest(name, 'chunked', aManifest(), { body: chunks(80) });
        expect(refused.expect(413).codes).toEqual(['MANIFEST_INVALID']);
        expect((await client().getManifest(name, 'chunked')).status).toBe(404);
        const manifest = aManifest();
        const small = () => Readable.from([manifest.bytes.subarray(0, 7), manifest.bytes.subarray(7)]);
        (await client().putManifest(name, 'chunked', manifest, { body: small })).expect(201);
      });
    });

    describe('and what they refer to', () => {
      // A manifest that names itself, or two that name each other, would need a digest of itself. These come nearest.
      it('takes a chain of 50 subjects whose first one is absent, from its end', async () => {
        const chain = [aManifest({ subject: anImage().manifest, annotations: { link: '0' } })];
        for (let n = 1; n < 50; n++)
          chain.push(aManifest({ subject: chain.at(-1)!, annotations: { link: String(n) } }));
        for (const manifest of [...chain].reverse()) await client().pushManifest(name, manifest);
        for (const { digest } of chain) (await client().getManifest(name, digest)).expect(200);
        for (const { digest } of chain) (await client().deleteManifest(name, digest)).expect(202);
      });

      it('takes an index whose subject is its own child', async () => {
        const child = aManifest({ annotations: { child: 'yes' } });
        await client().pushManifest(name, child);
        const value = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [descriptorOf(child)] };
        await expectKept(jsonManifest(MEDIA_TYPE.ociIndex, { ...value, subject: descriptorOf(child) }), 'own-child');
      });

      it('takes an index of 2^20 paths, twenty deep, and lets it go again', async () => {
        const levels = [aManifest({ annotations: { bomb: 'yes' } })];
        for (let n = 1; n <= 20; n++) {
          const below = descriptorOf(levels.at(-1)!);
          const value = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [below, below] };
          levels.push(jsonManifest(MEDIA_TYPE.ociIndex, { ...value, annotations: { level: String(n) } }));
        }
        for (const manifest of levels) await client().pushManifest(name, manifest);
        (await client().deleteManifest(name, levels[0]!.digest)).expect(405);
        for (const { digest } of [...levels].reverse()) (await client().deleteManifest(name, digest)).expect(202);
      });
    });

    it('leaves the prototypes of the server as they were', async () => {
      (await client().listTags(name)).expect(200);
      const answer = (await client().getManifest(name, 'nothing')).expect(404);
      expect(answer.text).not.toContain('polluted');
    });
  });
}
