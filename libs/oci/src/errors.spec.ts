import { errorEnvelope, REGISTRY_ERRORS, RegistryError, registryError } from './errors.js';

/** The closed list of the spec's error codes. */
const SPEC_CODES = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNSUPPORTED',
];

function hop(error: RegistryError): RegistryError | null {
  return RegistryError.fromWire(JSON.parse(JSON.stringify(error.toWire())));
}

describe('REGISTRY_ERRORS', () => {
  it("answers a 4xx with the spec's 14 codes and Docker's one for a bad n, nothing else", () => {
    const codes = Object.entries(REGISTRY_ERRORS).filter(([, row]) => row.status < 500);
    expect(codes.map(([code]) => code).sort()).toEqual([...SPEC_CODES, 'PAGINATION_NUMBER_INVALID'].sort());
  });

  it('logs what clients cause below warn and what is our fault as error', () => {
    for (const row of Object.values(REGISTRY_ERRORS)) {
      expect([row.status, row.level]).toEqual([
        row.status,
        row.status < 500 ? expect.stringMatching(/debug|info/) : 'error',
      ]);
    }
  });
});

describe(registryError.name, () => {
  it("takes the catalogue's status and message", () => {
    const error = registryError('BLOB_UNKNOWN', { digest: 'x' });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'BLOB_UNKNOWN', status: 404, message: 'blob unknown to registry' });
    expect(error.detail).toEqual({ digest: 'x' });
  });

  it('lets the thrower narrow status, message and headers, and keeps the cause', () => {
    const cause = new Error('disk');
    const options = { status: 416, message: 'chunk out of order', headers: { Range: '0-9' }, cause };
    expect(registryError('BLOB_UPLOAD_INVALID', undefined, options)).toMatchObject(options);
  });

  describe('security', () => {
    it('cuts every text it was given to 256 characters', () => {
      const long = '<'.repeat(100_000);
      const error = registryError('NAME_INVALID', { name: long, [long]: [long] }, { message: long });
      expect(error.message).toHaveLength(256);
      expect(JSON.stringify(errorEnvelope(error)).length).toBeLessThan(5 * 256);
    });

    it('bounds the entries and the depth of a detail', () => {
      const deep = { a: { b: { c: { d: { e: 'too deep' } } } } };
      expect(JSON.stringify(registryError('NAME_INVALID', deep).detail)).not.toContain('too deep');
      const wide = Array.from({ length: 1000 }, () => 'x');
      expect(registryError('NAME_INVALID', wide).detail).toHaveLength(100);
      expect(Object.keys(registryError('NAME_INVALID', { ...wide }).detail as object)).toHaveLength(100);
    });

    it('survives a detail that refers to itself', () => {
      const self: Record<string, unknown> = { name: 'x' };
      self.self = self;
      expect(() => JSON.stringify(registryError('NAME_INVALID', self).toWire())).not.toThrow();
    });

    it('makes a detail that JSON can carry', () => {
      const detail = registryError('SIZE_INVALID', { size: 2n ** 60n, fn: () => 1, list: [undefined] }).detail;
      expect(JSON.parse(JSON.stringify(detail))).toEqual({ size: '1152921504606846976', list: [null] });
    });

    it('keeps a __proto__ key a plain key', () => {
      const detail = registryError('NAME_INVALID', JSON.parse('{"__proto__":{"admin":true}}')).detail;
      expect((detail as { admin?: boolean }).admin).toBeUndefined();
      expect(Object.keys(detail as object)).toEqual(['__proto__']);
    });
  });
});

describe(errorEnvelope.name, () => {
  it('has code, message and detail of a 4xx', () => {
    const error = registryError('MANIFEST_UNKNOWN', { tag: 'v1' }, { message: 'no such tag' });
    expect(errorEnvelope(error)).toEqual({
      errors: [{ code: 'MANIFEST_UNKNOWN', message: 'no such tag', detail: { tag: 'v1' } }],
    });
  });

  it('leaves detail out where there is none', () => {
    expect(Object.keys(errorEnvelope(registryError('DENIED')).errors[0] ?? {})).toEqual(['code', 'message']);
  });

  it.each([
    ['an UNKNOWN with detail', registryError('UNKNOWN', { dsn: 'secret' }, { message: 'secret' }), 'UNKNOWN'],
    ['an UNAVAILABLE with detail', registryError('UNAVAILABLE', 'secret', { message: 'secret' }), 'UNAVAILABLE'],
    ['a 4xx code with status 502', registryError('BLOB_UNKNOWN', 'secret', { status: 502 }), 'UNKNOWN'],
    ['an error that is none of ours', new Error('secret'), 'UNKNOWN'],
    ['a thrown text', 'secret', 'UNKNOWN'],
  ] as const)('says nothing specific for %s', (_, error, code) => {
    expect(errorEnvelope(error)).toEqual({ errors: [{ code, message: REGISTRY_ERRORS[code].message }] });
  });
});

describe('RegistryError.fromWire', () => {
  it('restores what toWire described, and the result is a RegistryError', () => {
    const headers = { 'WWW-Authenticate': 'Bearer realm="x"' };
    const error = registryError('UNAUTHORIZED', { scope: 'a' }, { status: 403, message: 'm', headers });
    const restored = hop(error);
    expect(restored).toBeInstanceOf(RegistryError);
    expect(restored?.toWire()).toEqual(error.toWire());
  });

  it('leaves the cause and the stack behind', () => {
    const error = registryError('UNKNOWN', undefined, { cause: new Error('secret') });
    expect(Object.keys(error.toWire()).sort()).toEqual(['code', 'message', 'status']);
  });

  it.each([
    ['null', null],
    ['a text', 'BLOB_UNKNOWN'],
    ['an unknown code', { code: 'NOPE', status: 404, message: 'm' }],
    ['a code that a prototype knows', { code: 'constructor', status: 404, message: 'm' }],
    ["Nest's own error", { status: 'error', message: 'Internal server error' }],
  ])('answers null for %s', (_, x) => {
    expect(RegistryError.fromWire(x)).toBeNull();
  });

  it.each([200, 600, 404.5, '404', undefined])("takes the catalogue's status instead of %s", (status) => {
    expect(RegistryError.fromWire({ code: 'BLOB_UNKNOWN', status })).toMatchObject({
      status: 404,
      message: 'blob unknown to registry',
    });
  });

  it('drops headers that are not texts', () => {
    expect(RegistryError.fromWire({ code: 'DENIED', headers: { a: 1 } })?.headers).toBeUndefined();
    expect(RegistryError.fromWire({ code: 'DENIED', headers: ['a'] })?.headers).toBeUndefined();
  });
});
