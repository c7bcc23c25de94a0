import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { flattenedVerify, importJWK, type JWK } from 'jose';
import { generateSchema1Key, signSchema1 } from './schema1-signature.js';

interface Signature {
  header: { alg: string; jwk: JWK & { kid: string } };
  protected: string;
  signature: string;
}

const payloadOf = (value: object) => Buffer.from(JSON.stringify(value, null, 3));
const PAYLOAD = payloadOf({
  schemaVersion: 1,
  name: 'a/b',
  tag: 'v1',
  fsLayers: [{ blobSum: 'sha256:…' }],
  text: 'ü€😀',
});

const signatureOf = (signed: Buffer) => (JSON.parse(signed.toString()) as { signatures: Signature[] }).signatures[0]!;

/** The payload as a client takes it out of a signed manifest. */
function payloadIn(signed: Buffer): Buffer {
  const { formatLength, formatTail } = JSON.parse(
    Buffer.from(signatureOf(signed).protected, 'base64url').toString(),
  ) as { formatLength: number; formatTail: string };
  return Buffer.concat([signed.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
}

async function verify(signed: Buffer, payload = payloadIn(signed)) {
  const { header, protected: protectedHeader, signature } = signatureOf(signed);
  const key = await importJWK({ ...header.jwk, alg: header.alg });
  return flattenedVerify(
    { header, protected: protectedHeader, signature, payload: payload.toString('base64url') },
    key,
  );
}

describe(signSchema1.name, () => {
  const key = generateSchema1Key();

  it('makes a JWS that another library verifies, over the payload that a client takes out of it', async () => {
    const signed = signSchema1(PAYLOAD, key);
    expect(payloadIn(signed).equals(PAYLOAD)).toBe(true);
    const verified = await verify(signed);
    expect(Buffer.from(verified.payload).equals(PAYLOAD)).toBe(true);
    expect(verified.unprotectedHeader).toMatchObject({ alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256' } });
    expect(verified.protectedHeader).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  it('makes one that does not verify over another payload', async () => {
    const signed = signSchema1(PAYLOAD, key);
    await expect(verify(signed, Buffer.from(PAYLOAD.toString().replace('v1', 'v2')))).rejects.toThrow(
      'verification failed',
    );
  });

  it('adds one field to the object and changes nothing else', () => {
    const { signatures, ...rest } = JSON.parse(signSchema1(PAYLOAD, key).toString()) as Record<string, unknown>;
    expect(rest).toEqual(JSON.parse(PAYLOAD.toString()));
    expect(signatures).toHaveLength(1);
  });

  it('is as long with every key and at every time', () => {
    const lengths = Array.from({ length: 20 }, () => signSchema1(PAYLOAD, generateSchema1Key()).length);
    expect(new Set(lengths).size).toBe(1);
  });

  it('names the key as libtrust does', () => {
    const { jwk } = signatureOf(signSchema1(PAYLOAD, key)).header;
    expect(jwk.kid).toMatch(/^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect(signatureOf(signSchema1(PAYLOAD, other)).header.jwk.kid).not.toBe(jwk.kid);
    expect(createPublicKey(key).export({ format: 'jwk' })).toMatchObject({ x: jwk.x, y: jwk.y });
  });
});
