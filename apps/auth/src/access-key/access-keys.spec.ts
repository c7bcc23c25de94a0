import type { AccessKeyStore, NewAccessKey, UsableAccessKey } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import { signString } from '@berth/swr';
import { AccessKeys, loginKeyOf } from './access-keys.js';

const USER = { userId: 'u', userName: 'dev', accountId: 'a', accountName: 'team', isAdministrator: false };

/** The store of one user. */
function accessKeys() {
  const stored = new Map<string, NewAccessKey>();
  const usable = async (id: string): Promise<UsableAccessKey | null> => {
    const key = stored.get(id);
    const madeWith = key?.madeWith ?? null;
    const expiresAt = key?.lifeSeconds ? new Date(Date.now() + key.lifeSeconds * 1000) : null;
    return key ? { id, secretEncrypted: Buffer.from(key.secretEncrypted), expiresAt, madeWith, ...USER } : null;
  };
  const store: Pick<AccessKeyStore, 'create' | 'findUsable'> = {
    create: async (key) => {
      stored.set(key.id, key);
      const { id, userId, description } = key;
      return { id, userId, description, createdAt: new Date(0), disabledAt: null, expiresAt: null };
    },
    findUsable: usable,
  };
  const settings = loadSettings({ BERTH_SECRET_KEY: 's'.repeat(32) });
  const keys = new AccessKeys(store as AccessKeyStore, settings);
  const create = async (lifeSeconds?: number) =>
    (await keys.create('u', 'CI', lifeSeconds === undefined ? null : { lifeSeconds, madeWith: null }))!;
  return { keys, stored, create };
}

describe(AccessKeys, () => {
  it('makes pairs that differ, of the shape that clients know, and stores no secret in the clear', async () => {
    const { create, stored } = accessKeys();
    const [one, two] = [await create(), await create(60)];
    expect(one.accessKey).toMatch(/^[A-Z0-9]{20}$/);
    expect(one.secretKey).toMatch(/^[A-Za-z0-9]{40}$/);
    expect(one.accessKey).not.toBe(two.accessKey);
    expect(one.secretKey).not.toBe(two.secretKey);
    const sealed = stored.get(one.accessKey)!;
    expect(sealed).toMatchObject({ userId: 'u', description: 'CI', lifeSeconds: null });
    expect(Buffer.from(sealed.secretEncrypted).toString('latin1')).not.toContain(one.secretKey);
  });

  describe('verifySignature', () => {
    const now = () => Date.now();
    async function signed(
      changes: { signedAt?: number; accessKey?: string; secretKey?: string; lifeSeconds?: number } = {},
    ) {
      const { keys, create } = accessKeys();
      const pair = await create(changes.lifeSeconds);
      const signature = signString(changes.secretKey ?? pair.secretKey, 'two');
      const { signedAt = now(), accessKey = pair.accessKey } = changes;
      const { userId } = await keys.verifySignature({ accessKey, candidates: ['one', 'two'], signature, signedAt });
      return { userId };
    }

    it('says whose key it is', async () => {
      expect(await signed()).toEqual({ userId: 'u' });
    });

    it('takes a clock that is a quarter of an hour off, either way', async () => {
      for (const off of [-14, 14]) expect(await signed({ signedAt: now() + off * 60_000 })).toEqual({ userId: 'u' });
    });

    it.each([
      ['another secret', { secretKey: 'other' }],
      ['an unknown key', { accessKey: 'AK' }],
      ['a temporary key', { lifeSeconds: 900 }],
      ['an old request', { signedAt: Date.now() - 16 * 60_000 }],
      ['a request of the future', { signedAt: Date.now() + 16 * 60_000 }],
    ])('refuses %s, in the same words', async (_what, changes) => {
      await expect(signed(changes)).rejects.toMatchObject({
        code: 'UNAUTHORIZED',
        message: 'authentication required',
      });
    });
  });

  describe('findByLogin', () => {
    it('makes the key of a docker login as the guide does', () => {
      expect(loginKeyOf('AKEXAMPLE00000000001', 'skExample0000000000000000000000000000001')).toBe(
        'f853542cf3f97f18859cdb8ebd2f64c7d55f2cd8d56b12a31f16e2acf314e7f2',
      );
    });

    it('finds the user of the right key, and nobody else', async () => {
      const { keys, create } = accessKeys();
      const { accessKey, secretKey } = await create();
      expect(await keys.findByLogin(accessKey, loginKeyOf(accessKey, secretKey))).toMatchObject(USER);
      expect(await keys.findByLogin(accessKey, secretKey)).toBeNull();
      expect(await keys.findByLogin(accessKey, '')).toBeNull();
      expect(await keys.findByLogin('AK', loginKeyOf('AK', secretKey))).toBeNull();
    });
  });
});
