import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A key that signs schema 1 manifests: EC P-256. Nobody trusts it; clients check that the manifest is whole, not whose it is. */
export const generateSchema1Key = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/**
 * The signed form of a schema 1 manifest: its payload with a JWS in the field `signatures` behind its last one. The
 * protected header tells where the payload ended, so that a reader gets back the bytes that were signed, and can compare
 * their digest. Always as long for the same payload, whatever the key and the time. The payload is a JSON object, indented by
 * three spaces. Spec: distribution, "Image Manifest Version 2, Schema 1"; RFC 7515; libtrust for the rest.
 */
export function signSchema1(payload: Buffer, key: KeyObject): Buffer {
  const formatLength = payload.lastIndexOf('\n}');
  const formatTail = payload.subarray(formatLength);
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  const header = { formatLength, formatTail: formatTail.toString('base64url'), time };
  const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
  const signature = sign('sha256', Buffer.from(`${protectedHeader}.${payload.toString('base64url')}`), {
    key,
    dsaEncoding: 'ieee-p1363',
  });
  const block = {
    header: { jwk: publicJwk(key), alg: 'ES256' },
    signature: signature.toString('base64url'),
    protected: protectedHeader,
  };
  const signatures = JSON.stringify([block], null, 3).replaceAll('\n', '\n   ');
  return Buffer.concat([
    payload.subarray(0, formatLength),
    Buffer.from(`,\n   "signatures": ${signatures}`),
    Buffer.from('\n}'),
  ]);
}

function publicJwk(key: KeyObject): object {
  const publicKey = createPublicKey(key);
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return { crv, kid: fingerprint(publicKey), kty, x, y };
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** As libtrust names keys, and refuses to read them otherwise: 240 bits of a SHA-256 in base32, in twelve groups. */
function fingerprint(publicKey: KeyObject): string {
  const hash = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
  const digits = BigInt(`0x${hash.slice(0, 60)}`)
    .toString(32)
    .padStart(48, '0');
  return [...digits]
    .map((digit) => BASE32[parseInt(digit, 32)]!)
    .join('')
    .replace(/.{4}(?=.)/g, '$&:');
}
