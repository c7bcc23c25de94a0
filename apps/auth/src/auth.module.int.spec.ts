import { ISSUE_TOKEN, LIST_SIGNING_KEYS } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { AccountStore, Database, deployMigrations } from '@berth/metadata';
import { startPostgres, type TestPostgres } from '@berth/testing';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { AuthModule } from './auth.module.js';
import { type InProcessService, startInProcess } from '@berth/platform/testing';

jest.setTimeout(60_000);

const ENV = { BERTH_SECRET_KEY: 's'.repeat(32), BERTH_ADMIN_PASSWORD: 'correct horse battery' };
const CREDENTIALS = { username: 'admin', password: ENV.BERTH_ADMIN_PASSWORD };
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
        const { token } = await bus.request(ISSUE_TOKEN, { scopes: [] });
        return (await verified(token)).payload.jti;
      }),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('gives anonymous a token that says so and grants nothing private', async () => {
    const { token } = await bus.request(ISSUE_TOKEN, { scopes: [PULL_PUSH] });
    const { payload } = await verified(token);
    expect(payload.sub).toBe('');
    expect(payload['access']).toEqual([]);
    expect(payload).not.toHaveProperty('refused');
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
      const error = await failureOf(bus.request(ISSUE_TOKEN, { ...credentials, scopes: [] }));
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
          await failureOf(bus.request(ISSUE_TOKEN, { username, password: 'wrong', scopes: [] }));
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
