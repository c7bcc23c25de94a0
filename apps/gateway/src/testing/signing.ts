import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A key pair as auth keeps it. */
export interface TestKey {
  id: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** As auth publishes it. */
  jwk: JWK & Record<string, unknown>;
}

export async function aKey(algorithm = 'EdDSA'): Promise<TestKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(jwk);
  return { id, privateKey, publicKey, jwk: { ...jwk, kid: id, alg: algorithm, use: 'sig' } };
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** The claims of a valid token of user `u-1`. A claim that is undefined is left out. */
export const claims = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: 'berth',
  aud: 'berth',
  sub: 'u-1',
  credential: 'password:u-1',
  iat: nowSeconds(),
  nbf: nowSeconds(),
  exp: nowSeconds() + 1800,
  jti: crypto.randomUUID(),
  access: [{ type: 'repository', name: 'a/b', actions: ['pull'] }],
  ...over,
});

/** A token signed by `key`, valid unless claims or header say otherwise. */
export function aToken(key: TestKey, over: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  return new SignJWT(JSON.parse(JSON.stringify(claims(over))) as Record<string, unknown>)
    .setProtectedHeader({ alg: 'EdDSA', kid: key.id, typ: 'JWT', ...header })
    .sign(key.privateKey);
}

/** A token put together by hand: any header, any claims, any signature. */
export function forged(header: object, payload: object, sign: (input: string) => string = () => ''): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign(input)}`;
}
