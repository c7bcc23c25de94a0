import { SigningKeyStore } from './signing-key.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const aKey = (id: string) => ({
  id,
  algorithm: 'ES256',
  publicJwk: { kty: 'EC', kid: id },
  privateJwkEncrypted: new Uint8Array([1, 2, 3]),
});

describe(SigningKeyStore.name, () => {
  const on = onDatabase();
  let store: SigningKeyStore;

  beforeEach(() => {
    store = new SigningKeyStore(on.test.database);
  });

  it('gives back the key that was stored, byte for byte', async () => {
    await store.createFirst(aKey('k1'));
    const [key] = await store.active();
    expect(key).toMatchObject({ id: 'k1', algorithm: 'ES256', publicJwk: { kty: 'EC', kid: 'k1' } });
    expect([...key!.privateJwkEncrypted]).toEqual([1, 2, 3]);
  });

  it('stores one key when several replicas make one at the same time', async () => {
    const replicas = Array.from({ length: 6 }, () => new SigningKeyStore(on.test.another({ poolSize: 1 })));
    await Promise.all(replicas.map((replica, n) => replica.createFirst(aKey(`k${n}`))));
    expect(await on.registry.count('auth.signing_key')).toBe(1);
    const seen = await Promise.all(replicas.map((replica) => replica.active()));
    expect(new Set(seen.map((keys) => keys.map(({ id }) => id).join())).size).toBe(1);
  });

  it('stores the next key once the active one is retired, and no longer gives that one', async () => {
    await store.createFirst(aKey('old'));
    await on.test.rows('UPDATE auth.signing_key SET retired_at = now()');
    await store.createFirst(aKey('new'));
    expect((await store.active()).map(({ id }) => id)).toEqual(['new']);
  });

  it('gives the newest key first: it signs', async () => {
    await store.createFirst(aKey('older'));
    await on.test.rows(`INSERT INTO auth.signing_key (id, algorithm, public_jwk, private_jwk_encrypted, created_at)
      SELECT 'newer', algorithm, public_jwk, private_jwk_encrypted, now() + interval '1 minute' FROM auth.signing_key`);
    expect((await store.active()).map(({ id }) => id)).toEqual(['newer', 'older']);
  });
});
