import {
  AUTHENTICATE,
  AUTHORIZE,
  FIND_MOUNT_SOURCE,
  ISSUE_TOKEN,
  LIST_READABLE_REPOSITORIES,
  LIST_SIGNING_KEYS,
} from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { AccountStore, Database, deployMigrations, OrganisationStore, RepositoryStore } from '@berth/metadata';
import { digestOf, parseRepositoryName } from '@berth/oci';
import { ALL_BUT_DATE, startPostgres, type TestPostgres } from '@berth/testing';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { AuthModule } from './auth.module.js';
import { type InProcessService, startInProcess } from '@berth/platform/testing';

jest.setTimeout(60_000);

/** Many give wrong passwords here, from one address: what slows them has tests of its own. */
const ENV = {
  BERTH_SECRET_KEY: 's'.repeat(32),
  BERTH_ADMIN_PASSWORD: 'correct horse battery',
  BERTH_LOGIN_FREE_TRIES: '0',
};
const FROM = { address: '203.0.113.1' };
const CREDENTIALS = { username: 'admin', password: ENV.BERTH_ADMIN_PASSWORD, ...FROM };
const PULL_PUSH = { type: 'repository', name: 'team/app', actions: ['pull', 'push'] };

let postgres: TestPostgres;
let template: string;
beforeAll(async () => {
  postgres = await startPostgres();
  template = 'template_auth';
  await deployMigrations(await postgres.createDatabase(template));
});
afterAll(() => postgres.stop());
const emptyDatabase = () => postgres.createDatabase(undefined, { template });

/** The token with other fields in its header (0) or its payload (1), under the signature that it had. */
function withPart(token: string, part: 0 | 1, change: object): string {
  const parts = token.split('.');
  const value = JSON.parse(Buffer.from(parts[part]!, 'base64url').toString()) as object;
  parts[part] = Buffer.from(JSON.stringify({ ...value, ...change })).toString('base64url');
  return parts.join('.');
}

const failureOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => null,
    (error: unknown) => error as Error,
  );

describe(AuthModule, () => {
  let auth: InProcessService;
  let bus: InProcessBus;
  beforeAll(async () => {
    auth = await startInProcess(AuthModule, await emptyDatabase(), ENV);
    bus = auth.bus;
  });
  afterAll(() => auth.stop());

  async function verified(token: string) {
    const { keys } = await bus.request(LIST_SIGNING_KEYS, {});
    return jwtVerify(token, createLocalJWKSet({ keys: keys }), {
      issuer: 'berth',
      audience: 'berth',
      typ: 'JWT',
    });
  }

  it('gives a token for the right password, which its published key verifies', async () => {
    const issued = await bus.request(ISSUE_TOKEN, { ...CREDENTIALS, scopes: [PULL_PUSH] });
    const { payload, protectedHeader } = await verified(issued.token);
    expect(protectedHeader.alg).toBe('EdDSA');
    expect(payload).toMatchObject({ access: [PULL_PUSH], refused: [] });
    expect(payload.sub).toMatch(/^[0-9a-f-]{36}$/);
    expect(issued.expiresIn).toBe(1800);
    expect(payload.exp! - payload.iat!).toBe(1800);
    expect(payload.nbf).toBe(payload.iat);
    expect(Date.parse(issued.issuedAt)).toBe(payload.iat! * 1000);
  });

  it('gives every token an id of its own', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { token } = await bus.request(ISSUE_TOKEN, { scopes: [], ...FROM });
        return (await verified(token)).payload.jti;
      }),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('gives anonymous a token that says so and grants nothing private', async () => {
    const { token } = await bus.request(ISSUE_TOKEN, { scopes: [PULL_PUSH], ...FROM });
    const { payload } = await verified(token);
    expect(payload.sub).toBe('');
    expect(payload['access']).toEqual([]);
    expect(payload).not.toHaveProperty('refused');
  });

  describe('a refresh token', () => {
    const OFFLINE = { ...CREDENTIALS, scopes: [], offline: true };
    const refreshToken = async () => (await bus.request(ISSUE_TOKEN, OFFLINE)).refreshToken!;
    const refresh = (token: string, scopes = [PULL_PUSH]) =>
      bus.request(ISSUE_TOKEN, { refreshToken: token, scopes, ...FROM });
    const setUser = (data: { passwordHash?: string; disabledAt?: Date | null; isAdministrator?: boolean }) =>
      auth.database.prisma.user.updateMany({ where: { name: 'admin' }, data });

    it('comes where it is asked for, and for users only', async () => {
      expect(await bus.request(ISSUE_TOKEN, { ...CREDENTIALS, scopes: [] })).not.toHaveProperty('refreshToken');
      expect(await bus.request(ISSUE_TOKEN, { scopes: [], offline: true, ...FROM })).not.toHaveProperty('refreshToken');
      const token = await refreshToken();
      const payload = decodeJwt(token);
      expect(payload.exp! - payload.iat!).toBe(90 * 86_400);
      expect(payload).not.toHaveProperty('access');
      expect(token.length).toBeLessThanOrEqual(4096);
    });

    it('gives bearer tokens of its user, and comes back as it is', async () => {
      const token = await refreshToken();
      const issued = await refresh(token);
      expect(issued).toMatchObject({ refreshToken: token, access: [PULL_PUSH] });
      const { payload } = await verified(issued.token);
      expect(payload.sub).toBe(decodeJwt(token).sub);
      expect(payload).toMatchObject({ access: [PULL_PUSH], refused: [] });
    });

    it('gives the rights of now, not those of its day', async () => {
      const token = await refreshToken();
      await setUser({ isAdministrator: false });
      const issued = await refresh(token);
      await setUser({ isAdministrator: true });
      expect(issued.access).toEqual([]);
      expect((await verified(issued.token)).payload['refused']).toEqual([PULL_PUSH]);
    });

    it('is no bearer token, nor is a bearer token one of these', async () => {
      const bearer = await bus.request(ISSUE_TOKEN, OFFLINE);
      await expect(verified(bearer.refreshToken!)).rejects.toThrow('"typ"');
      expect(await failureOf(refresh(bearer.token))).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    });

    it('ends with a new password, and with a disabled user', async () => {
      const token = await refreshToken();
      const before = await auth.database.prisma.user.findFirst({ where: { name: 'admin' } });
      await setUser({ passwordHash: `${before!.passwordHash.slice(0, -4)}AAAA` });
      const changed = await failureOf(refresh(token));
      await setUser({ passwordHash: before!.passwordHash, disabledAt: new Date() });
      const disabled = await failureOf(refresh(token));
      await setUser({ disabledAt: null });
      for (const error of [changed, disabled]) expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect((await refresh(token)).access).toEqual([PULL_PUSH]);
    });

    it('says nothing of the password hash', async () => {
      const { passwordHash } = (await auth.database.prisma.user.findFirst({ where: { name: 'admin' } }))!;
      const { credential } = decodeJwt<{ credential: string }>(await refreshToken());
      const [, fingerprint] = /^password:([\w-]{22})$/.exec(credential)!;
      expect(passwordHash).not.toContain(fingerprint);
    });

    it.each([
      ['nothing', () => ''],
      ['no token', () => 'nonsense'],
      ['NUL', () => 'a\0.b.c'],
      ['another signature', (token: string) => `${token.slice(0, -8)}AAAAAAAA`],
      ['another user', (token: string) => withPart(token, 1, { sub: crypto.randomUUID() })],
      ['another type', (token: string) => withPart(token, 0, { typ: 'JWT' })],
      ['an unknown key', (token: string) => withPart(token, 0, { kid: '../../etc/passwd' })],
      ['no algorithm', (token: string) => `${withPart(token, 0, { alg: 'none' }).split('.', 2).join('.')}.`],
      ['a key of its own', (token: string) => withPart(token, 0, { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } })],
    ])('is refused with %s, in the same words', async (_what, change) => {
      const error = await failureOf(refresh(change(await refreshToken())));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401, message: 'the refresh token is not valid' });
    });

    it('ends after the time that is set', async () => {
      const token = await refreshToken();
      const { exp } = decodeJwt(token);
      jest.useFakeTimers({ doNotFake: [...ALL_BUT_DATE], now: (exp! + 1) * 1000 });
      const error = await failureOf(refresh(token));
      jest.useRealTimers();
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: 'the refresh token is not valid' });
    });
  });

  describe('asked by the gateway', () => {
    it('says whose a password is, and what that user may do', async () => {
      const identity = await bus.request(AUTHENTICATE, CREDENTIALS);
      const asked = [{ ...PULL_PUSH, actions: ['*'] }];
      expect(await bus.request(AUTHORIZE, { identity, scopes: asked })).toEqual({
        access: [{ ...PULL_PUSH, actions: ['pull', 'push', 'delete'] }],
        refused: [],
      });
      expect(await failureOf(bus.request(AUTHENTICATE, { ...CREDENTIALS, password: 'wrong' }))).toMatchObject({
        code: 'UNAUTHORIZED',
        message: 'wrong user name or password',
      });
    });

    it('knows no rights of a user who is gone or disabled', async () => {
      const identity = await bus.request(AUTHENTICATE, CREDENTIALS);
      await auth.database.prisma.user.updateMany({ where: { name: 'admin' }, data: { disabledAt: new Date() } });
      const disabled = await failureOf(bus.request(AUTHORIZE, { identity, scopes: [PULL_PUSH] }));
      await auth.database.prisma.user.updateMany({ where: { name: 'admin' }, data: { disabledAt: null } });
      const another = { ...identity, userId: crypto.randomUUID() };
      const gone = await failureOf(bus.request(AUTHORIZE, { identity: another, scopes: [PULL_PUSH] }));
      for (const error of [disabled, gone]) expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    });

    describe('for repositories', () => {
      const digest = digestOf(Buffer.from('layer'));
      beforeAll(async () => {
        const { userId } = await bus.request(AUTHENTICATE, CREDENTIALS);
        await new OrganisationStore(auth.database).ensure('library', userId);
        const repositories = new RepositoryStore(auth.database);
        for (const name of ['alpine', 'busybox', 'library/a/b']) {
          await repositories.create(parseRepositoryName(name), { isPublic: name === 'busybox' });
        }
        await auth.database.prisma.blob.create({
          data: {
            digest,
            objectKey: 'k',
            size: 1,
            repositories: { create: { repositoryId: await idOf('library/alpine'), size: 1 } },
          },
        });
      });
      const idOf = async (path: string) => (await auth.database.prisma.repository.findUnique({ where: { path } }))!.id;

      it('lists them page by page as they are displayed, of everybody what they may pull', async () => {
        const { userId } = await bus.request(AUTHENTICATE, CREDENTIALS);
        const list = (reader: object, after = '', limit = 10) =>
          bus.request(LIST_READABLE_REPOSITORIES, { ...reader, after, limit });
        const all = ['alpine', 'busybox', 'library/a/b'];
        expect(await list({ userId })).toEqual({ repositories: all, more: false });
        expect(await list({ userId }, '', 2)).toEqual({ repositories: all.slice(0, 2), more: true });
        expect(await list({ userId }, 'busybox', 2)).toEqual({ repositories: all.slice(2), more: false });
        expect(await list({ userId }, 'b', 1)).toEqual({ repositories: ['busybox'], more: true });
        expect(await list({ userId }, '', 0)).toMatchObject({ repositories: [] });
        expect(await list({ everything: true })).toEqual({ repositories: all, more: false });
        expect(await list({ everything: true }, 'alpine', 1)).toEqual({ repositories: ['busybox'], more: true });
        for (const reader of [{}, { userId: crypto.randomUUID() }]) {
          expect(await list(reader)).toEqual({ repositories: ['busybox'], more: false });
        }
      });

      it('finds one to mount from, and none that may not be pulled', async () => {
        const { userId } = await bus.request(AUTHENTICATE, CREDENTIALS);
        const source = (reader: object, of = digest) => bus.request(FIND_MOUNT_SOURCE, { ...reader, digest: of });
        expect(await source({ userId })).toEqual({ repository: 'library/alpine' });
        expect(await source({ everything: true })).toEqual({ repository: 'library/alpine' });
        expect(await source({})).toEqual({ repository: null });
        expect(await source({ everything: true }, digestOf(Buffer.from('another')))).toEqual({ repository: null });
      });
    });
  });

  it('publishes no private part of a key', async () => {
    const { keys } = await bus.request(LIST_SIGNING_KEYS, {});
    expect(keys).toHaveLength(1);
    expect(Object.keys(keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  });

  describe('refuses', () => {
    it.each([
      ['a wrong password', { username: 'admin', password: 'wrong' }],
      ['an empty password', { username: 'admin', password: '' }],
      ['no password', { username: 'admin' }],
      ['an unknown user', { username: 'nobody', password: 'wrong' }],
      ['an empty name', { username: '', password: '' }],
      ['another case of the name', { ...CREDENTIALS, username: 'Admin' }],
      ['a statement', { username: "admin' --", password: 'x' }],
    ])('%s, in the same words', async (_what, credentials) => {
      const error = await failureOf(bus.request(ISSUE_TOKEN, { ...FROM, ...credentials, scopes: [] }));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401, message: 'wrong user name or password' });
    });

    it('a user who was disabled', async () => {
      await auth.database.prisma.user.updateMany({ where: { name: 'admin' }, data: { disabledAt: new Date() } });
      const error = await failureOf(bus.request(ISSUE_TOKEN, { ...CREDENTIALS, scopes: [] }));
      await auth.database.prisma.user.updateMany({ where: { name: 'admin' }, data: { disabledAt: null } });
      expect(error).toMatchObject({ code: 'UNAUTHORIZED' });
    });

    it('an unknown name in about the time of a wrong password', async () => {
      const fastest = async (username: string) => {
        let best = Infinity;
        for (let n = 0; n < 5; n++) {
          const started = performance.now();
          await failureOf(
            bus.request(ISSUE_TOKEN, { username, password: 'wrong', scopes: [], address: `203.0.113.${n}` }),
          );
          best = Math.min(best, performance.now() - started);
        }
        return best;
      };
      const [known, unknown] = [await fastest('admin'), await fastest('nobody')];
      // Without the hash of nobody an unknown name takes a twentieth of it.
      expect(unknown).toBeGreaterThan(known / 3);
      expect(known).toBeGreaterThan(unknown / 3);
    });
  });

  it('keeps no password and no private key in the clear', async () => {
    const [user] = await auth.database.prisma.user.findMany();
    const [key] = await auth.database.prisma.signingKey.findMany();
    expect(user!.passwordHash).toMatch(/^\$scrypt\$/);
    expect(JSON.stringify(user)).not.toContain(ENV.BERTH_ADMIN_PASSWORD);
    expect(Buffer.from(key!.privateJwkEncrypted).toString('latin1')).not.toContain('"d"');
    expect(JSON.stringify(key!.publicJwk)).not.toContain('"d"');
  });

  it('makes one account and one administrator, whose password a later start does not change', async () => {
    const again = await startInProcess(AuthModule, await urlOf(auth), {
      ...ENV,
      BERTH_ADMIN_PASSWORD: 'another password',
    });
    try {
      expect(await failureOf(again.bus.request(ISSUE_TOKEN, { ...CREDENTIALS, scopes: [] }))).toBeNull();
      expect(await auth.database.prisma.user.count()).toBe(1);
    } finally {
      await again.stop();
    }
  });
});

const urlOf = async (service: InProcessService) => {
  const [row] = await service.database.rows<{ name: string }>(
    { name: 'db', text: 'SELECT current_database() AS name' },
    [],
  );
  return postgres.urlOf(row!.name);
};

describe('several replicas of auth', () => {
  it('started at once on an empty database share one account and one signing key', async () => {
    const url = await emptyDatabase();
    const replicas = await Promise.all([1, 2, 3].map(() => startInProcess(AuthModule, url, ENV)));
    try {
      const kids = await Promise.all(
        replicas.map(async ({ bus }) => {
          const { token } = await bus.request(ISSUE_TOKEN, { ...CREDENTIALS, scopes: [] });
          const { keys } = await bus.request(LIST_SIGNING_KEYS, {});
          return [decodeProtectedHeader(token).kid, ...keys.map((key) => key['kid'])];
        }),
      );
      expect(new Set(kids.flat()).size).toBe(1);
      expect(await replicas[0]!.database.prisma.account.count()).toBe(1);
    } finally {
      for (const replica of replicas) await replica.stop();
    }
  });
});

describe('a start of auth', () => {
  it('with another BERTH_SECRET_KEY than the first is refused in one sentence that names it', async () => {
    const url = await emptyDatabase();
    await (await startInProcess(AuthModule, url, ENV)).stop();
    const error = await failureOf(startInProcess(AuthModule, url, { ...ENV, BERTH_SECRET_KEY: 't'.repeat(32) }));
    expect(error?.message).toBe('BERTH_SECRET_KEY is not the key that this database was set up with');
    await (await startInProcess(AuthModule, url, ENV)).stop();
  });

  it('without a password is refused where there is no account yet, and fine where there is', async () => {
    const url = await emptyDatabase();
    const { BERTH_ADMIN_PASSWORD: _, ...without } = ENV;
    const error = await failureOf(startInProcess(AuthModule, url, without));
    expect(error?.message).toBe('BERTH_ADMIN_PASSWORD is not set: the first start needs a password for the user admin');
    const database = new Database({ url, poolSize: 1, applicationName: 'test' });
    expect(await new AccountStore(database).isInitialised()).toBe(false);
    await database.close();
    await (await startInProcess(AuthModule, url, ENV)).stop();
    await (await startInProcess(AuthModule, url, without)).stop();
  });
});
