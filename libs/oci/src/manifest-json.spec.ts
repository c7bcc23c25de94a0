import fc from 'fast-check';
import { RegistryError } from './errors.js';
import { parseManifestJson } from './manifest-json.js';

const encoder = new TextEncoder();

function refusal(source: string | Uint8Array): string {
  try {
    parseManifestJson(typeof source === 'string' ? encoder.encode(source) : source);
  } catch (error) {
    return error instanceof RegistryError && error.code === 'MANIFEST_INVALID'
      ? error.message
      : `wrong: ${String(error)}`;
  }
  return 'accepted';
}

function nested(levels: number): string {
  return `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
}

describe(parseManifestJson.name, () => {
  it('reads an object as JSON.parse does', () => {
    const text = ' {"a": [1, {"b\\"": "c: \\\\"}], "d": "{[", "\\u00e9": null}\n';
    expect(parseManifestJson(encoder.encode(text))).toEqual(JSON.parse(text));
  });

  it('reads every object that JSON can write', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 5 })), (value) => {
        const text = JSON.stringify({ x: value });
        expect(parseManifestJson(encoder.encode(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  describe('security', () => {
    it.each([
      '',
      ' ',
      '{',
      '}',
      '{"a":1}}',
      '{"a":1} x',
      '{"a":1,}',
      "{'a':1}",
      '{"a',
      '{"a":"\\',
      '{"\\x":1}',
      '{"a":NaN}',
    ])('refuses %j, which is not JSON', (text) => {
      expect(refusal(text)).toBe('manifest invalid: not valid JSON');
    });

    it.each(['[]', 'null', '1', '"a"', 'true', '[{"mediaType":"a/b"}]'])('refuses %j, which is no object', (text) => {
      expect(refusal(text)).toBe('manifest invalid: not a JSON object');
    });

    it('refuses invalid UTF-8, and reads on after that', () => {
      expect(refusal(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBe(
        'manifest invalid: not valid UTF-8',
      );
      expect(refusal(Uint8Array.from([0x7b, 0x22, 0xc3]))).toBe('manifest invalid: not valid UTF-8');
      expect(refusal('{"é":1}')).toBe('accepted');
    });

    it('refuses a byte order mark and UTF-16', () => {
      expect(refusal('\ufeff{"a":1}')).toBe('manifest invalid: not valid JSON');
      expect(refusal(new Uint8Array(Buffer.from('{"a":1}', 'utf16le')))).toBe('manifest invalid: not valid JSON');
    });

    it('accepts 100 levels and refuses 101', () => {
      expect(refusal(nested(100))).toBe('accepted');
      expect(refusal(nested(101))).toBe('manifest invalid: more than 100 levels deep');
    });

    it('refuses a depth of 100,000 without blowing the stack', () => {
      expect(refusal('{"a":'.repeat(100_000))).toBe('manifest invalid: more than 100 levels deep');
      expect(refusal('['.repeat(100_000))).toBe('manifest invalid: more than 100 levels deep');
    });

    it('does not count brackets within strings, behind whatever escapes', () => {
      expect(refusal(`{"a":"${'['.repeat(200)}"}`)).toBe('accepted');
      expect(refusal(`{"a":"\\"${'['.repeat(200)}\\\\"}`)).toBe('accepted');
      expect(refusal(`{"a":"\\\\","b":${'['.repeat(200)}"}`)).toBe('manifest invalid: more than 100 levels deep');
    });

    it.each([
      'schemaVersion',
      'mediaType',
      'config',
      'layers',
      'manifests',
      'blobs',
      'subject',
      'artifactType',
      'annotations',
    ])('refuses a second %s at the top', (key) => {
      const expected = `manifest invalid: the key "${key}" occurs twice in one object`;
      expect(refusal(`{"${key}":1,"x":{},"${key}":2}`)).toBe(expected);
      expect(refusal(`{"${key}":1,"${key}" \n\t\r:1}`)).toBe(expected);
    });

    it('sees a second key through escapes', () => {
      const expected = 'manifest invalid: the key "layers" occurs twice in one object';
      expect(refusal('{"layers":[],"\\u006cayers":[]}')).toBe(expected);
      const escaped = [...'layers'].map((char) => `\\u00${char.charCodeAt(0).toString(16)}`).join('');
      expect(refusal(`{"layers":[],"${escaped}":[]}`)).toBe(expected);
    });

    it('refuses keys that Go would take for ours', () => {
      expect(refusal('{"Layers":[]}')).toBe('manifest invalid: a key differs from "layers" only in case');
      expect(refusal('{"MEDIATYPE":""}')).toBe('manifest invalid: a key differs from "mediaType" only in case');
      expect(refusal('{"manife\u017fts":[]}')).toBe('manifest invalid: a key differs from "manifests" only in case');
    });

    it.each([
      ['config', '{"config":%}'],
      ['subject', '{"subject":%}'],
      ['a layer', '{"layers":[{"digest":1},%]}'],
      ['a child of an index', '{"manifests":[%]}'],
      ['an artifact blob', '{"blobs":[[],%]}'],
    ])('refuses a digest that occurs twice or in another case in %s', (_, frame) => {
      expect(refusal(frame.replace('%', '{"digest":1,"a":{"digest":2},"digest":1}'))).toContain(
        '"digest" occurs twice',
      );
      expect(refusal(frame.replace('%', '{"digest":1,"Digest":2}'))).toContain('only in case');
      expect(refusal(frame.replace('%', '{"digest":1}'))).toBe('accepted');
    });

    it('lets descriptors side by side have the same keys', () => {
      expect(refusal('{"config":{"digest":1},"layers":[{"digest":1},{"digest":1}],"subject":{"digest":1}}')).toBe(
        'accepted',
      );
    });

    it('lets annotations and unknown fields have any keys', () => {
      expect(refusal('{"annotations":{"Size":"1","size":"1","digest":"1","Digest":"1"}}')).toBe('accepted');
      expect(refusal('{"config":{"annotations":{"Size":"1","size":"1"}}}')).toBe('accepted');
      expect(refusal('{"layers":[{"annotations":{"Size":"1","size":"1"}}]}')).toBe('accepted');
      expect(refusal('{"x":{"Layers":1,"layers":1,"Digest":1}}')).toBe('accepted');
      expect(refusal('{"x":["layers","layers"],"y":"layers"}')).toBe('accepted');
    });

    it('tells keys from values that look like them', () => {
      expect(refusal('{"x":"layers","y":"layers","z":"Layers"}')).toBe('accepted');
      expect(refusal('{"config":{"x":"digest","digest":"Digest"}}')).toBe('accepted');
    });

    it('keeps __proto__ and constructor plain keys', () => {
      const value = parseManifestJson(encoder.encode('{"__proto__":{"mediaType":"a/b"},"constructor":1}'));
      expect(value.mediaType).toBeUndefined();
      expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
      expect(({} as Record<string, unknown>).mediaType).toBeUndefined();
    });

    it('reads four megabytes of quotes, backslashes or blanks in linear time', () => {
      const half = 2_000_000;
      const start = performance.now();
      for (const text of [
        `{"a":"${'\\"'.repeat(half)}"}`,
        `{"a":"${'\\\\'.repeat(half)}"}`,
        `{"a"${' '.repeat(half)}:1}`,
      ]) {
        expect(refusal(text)).toBe('accepted');
      }
      expect(performance.now() - start).toBeLessThan(5000);
    });
  });
});
