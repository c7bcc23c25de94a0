import { CREATE_DOCKER_LOGIN, ISSUE_IAM_TOKEN, ISSUE_TOKEN } from '@berth/contracts';
import { Database, deployMigrations, LoginFailureStore, type LoginTry } from '@berth/metadata';
import { RegistryError, registryError } from '@berth/oci';
import { loadSettings, Metrics } from '@berth/platform';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { startPostgres, type TestPostgres } from '@berth/testing';
import { Logger } from '@nestjs/common';
import { AuthModule } from '../auth.module.js';
import { LoginThrottle } from './login-throttle.js';

jest.setTimeout(60_000);

const ANN = { name: 'team/ann', address: '203.0.113.1' };
const RIGHT = 'right password';

let postgres: TestPostgres;
let template: string;
beforeAll(async () => {
  postgres = await startPostgres();
  template = 'template_throttle';
  await deployMigrations(await postgres.createDatabase(template));
});
afterAll(() => postgres.stop());
const emptyDatabase = () => postgres.createDatabase(undefined, { template });

let statements = 0;
const sqlOn = (database: Database, text: string) =>
  database.rows<Record<string, unknown>>({ name: `test ${statements++}`, text }, []);
/** As if so much time had passed since the failures. */
const moveTime = (database: Database, seconds: number) =>
  sqlOn(database, `UPDATE auth.login_failure SET last_at = last_at - interval '${seconds} seconds'`);
/** So much longer a wait lasts that a slow machine must not see the end of. */
const HELD = 1_000;
const MANY_SECONDS = expect.any(Number) as number;

/** What an attempt came to: what was found, or how long to wait. */
const outcomeOf = async (attempt: Promise<unknown>) => {
  try {
    return (await attempt) === null ? 'wrong' : 'right';
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'TOOMANYREQUESTS') throw error;
    expect(error.status).toBe(429);
    return Number(error.headers!['retry-after']);
  }
};

describe(LoginThrottle, () => {
  let databases: Database[];
  let metrics: Metrics;
  let logged: jest.SpyInstance;
  /** How many passwords were looked at. */
  let hashes: number;

  beforeEach(async () => {
    const url = await emptyDatabase();
    databases = [1, 2].map((n) => new Database({ url, poolSize: 5, applicationName: `replica ${n}` }));
    metrics = new Metrics('auth');
    hashes = 0;
    logged = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
  });
  afterEach(async () => {
    logged.mockRestore();
    for (const database of databases) await database.close();
  });

  /** Two replicas of auth, as far as logins are concerned. */
  function replicas(env: Record<string, string> = {}) {
    return databases.map((database) => {
      const throttle = new LoginThrottle(new LoginFailureStore(database), metrics, loadSettings(env));
      const look = (secret: string) => async () => {
        hashes++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return secret === RIGHT ? 'ann' : null;
      };
      return (secret: string, login: LoginTry = ANN) => outcomeOf(throttle.attempt(login, secret, look(secret)));
    });
  }
  const sql = (text: string) => sqlOn(databases[0]!, text);
  const later = (seconds: number) => moveTime(databases[0]!, seconds);
  const hold = () => later(-HELD);
  /** Of every failure from now on that is not free. */
  async function holdEach() {
    await sql(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.failures >= 5 THEN NEW.last_at := NEW.last_at + interval '${HELD} seconds'; END IF; RETURN NEW; END $$`);
    await sql(`CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON auth.login_failure
      FOR EACH ROW EXECUTE FUNCTION hold()`);
  }
  /** A try that fails counts twice at the moment of its end: some that were free may be so still when many came at once. */
  async function useUp(one: (secret: string) => Promise<unknown>) {
    for (const guess of guesses(5)) await one(`late ${guess}`);
  }
  const guesses = (n: number) => Array.from({ length: n }, (_, guess) => `guess ${guess}`);

  it('looks at the free tries, and then makes one wait, twice as long after each, whichever replica is asked', async () => {
    const tries = replicas();
    for (const n of [0, 1, 2, 3, 4]) expect(await tries[n % 2]!('wrong')).toBe('wrong');
    await hold();
    for (const once of tries) expect(await once(RIGHT)).toEqual(MANY_SECONDS);
    await sql('UPDATE auth.login_failure SET failures = 10, last_at = clock_timestamp()');
    for (const [n, seconds] of [32, 64, 128, 256].entries()) {
      for (const once of tries) {
        const wait = await once(RIGHT);
        expect(wait).toBeLessThanOrEqual(seconds);
        expect(wait).toBeGreaterThan(seconds / 2);
      }
      await later(seconds);
      expect(await tries[n % 2]!('wrong')).toBe('wrong');
    }
    expect(hashes).toBe(9);
  });

  it('looks at no more of many guesses at once than are free, in each replica', async () => {
    const [first, second] = replicas();
    await holdEach();
    const outcomes = await Promise.all(guesses(100).flatMap((guess) => [first!(guess), second!(`other ${guess}`)]));
    expect(outcomes.filter((outcome) => outcome === 'wrong')).toHaveLength(hashes);
    await useUp(second!);
    expect(hashes).toBeGreaterThanOrEqual(5);
    expect(hashes).toBeLessThanOrEqual(10);
    expect(await second!(RIGHT)).toEqual(MANY_SECONDS);
  });

  it('lets no guess pass at the moment another ends', async () => {
    const [first] = replicas();
    await holdEach();
    const waves = guesses(40).map(async (guess, n) => {
      await new Promise((resolve) => setTimeout(resolve, n));
      return first!(guess);
    });
    await Promise.all(waves);
    expect(hashes).toBeGreaterThan(0);
    await useUp(first!);
    expect(hashes).toBe(5);
  });

  it('takes one password that many ask with at once for one try', async () => {
    const [first] = replicas();
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => first!(RIGHT))))).toEqual(new Set(['right']));
    expect(hashes).toBe(1);
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => first!('wrong'))))).toEqual(new Set(['wrong']));
    expect(await sql('SELECT max(failures) AS most FROM auth.login_failure')).toEqual([{ most: 1 }]);
  });

  it('begins anew where the password was right, or nobody failed for an hour', async () => {
    const [first, second] = replicas();
    for (const guess of guesses(4)) await first!(guess);
    expect(await second!(RIGHT)).toBe('right');
    for (const guess of guesses(5)) expect(await first!(guess)).toBe('wrong');
    await hold();
    expect(await first!(RIGHT)).toEqual(MANY_SECONDS);
    await later(HELD + 3_601);
    for (const guess of guesses(5)) expect(await second!(guess)).toBe('wrong');
    await hold();
    expect(await second!(RIGHT)).toEqual(MANY_SECONDS);
  });

  it('writes nothing for a right password where that is known', async () => {
    const [first] = replicas();
    await first!(RIGHT);
    const rows = `SELECT xmin, * FROM auth.known_login`;
    const before = await sql(rows);
    expect(before).toHaveLength(1);
    await first!(RIGHT);
    expect(await sql(rows)).toEqual(before);
    expect(await sql('SELECT FROM auth.login_failure')).toEqual([]);
  });

  it('slows an address that tries many names, and not the names that log in from there', async () => {
    const [first] = replicas();
    expect(await first!(RIGHT)).toBe('right');
    for (let n = 0; n < 50; n++) expect(await first!('wrong', { ...ANN, name: `name ${n}` })).toBe('wrong');
    await hold();
    expect(await first!('wrong', { ...ANN, name: 'one more' })).toEqual(MANY_SECONDS);
    expect(await first!(RIGHT)).toBe('right');
    expect(await first!(RIGHT, { ...ANN, address: '203.0.113.2' })).toBe('right');
  });

  it('lets strangers lock nobody out: neither where a user logs in, nor for long elsewhere', async () => {
    const [first, second] = replicas();
    const stranger = (n: number) => ({ ...ANN, address: `198.51.100.${n}` });
    expect(await first!(RIGHT)).toBe('right');
    for (let n = 0; n < 56; n++) await new LoginFailureStore(databases[1]!).recordFailure(stranger(n));

    expect(await second!(RIGHT)).toBe('right');

    const elsewhere = { ...ANN, address: '192.0.2.1' };
    expect(await first!(RIGHT, elsewhere)).toBe(60);
    expect(await second!(RIGHT, elsewhere)).toBeGreaterThan(30);
    await later(60);
    // The strangers come back at once, and the user's turn comes all the same.
    for (let n = 0; n < 20; n++) await new LoginFailureStore(databases[1]!).recordFailure(stranger(n));
    expect(await second!(RIGHT, elsewhere)).toBe('right');
    for (let n = 0; n < 20; n++) await new LoginFailureStore(databases[1]!).recordFailure(stranger(n));
    expect(await first!(RIGHT, elsewhere)).toBe('right');
    expect(await first!('wrong', { ...ANN, address: '192.0.2.2' })).toBe(60);
  });

  it('counts nothing where the password was not looked at after all', async () => {
    const throttle = new LoginThrottle(new LoginFailureStore(databases[0]!), metrics, loadSettings({}));
    for (const guess of guesses(20)) {
      const away = () => Promise.reject(registryError('UNAVAILABLE'));
      await expect(throttle.attempt(ANN, guess, away)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(await sql('SELECT FROM auth.login_failure')).toEqual([]);
  });

  it('takes as many free tries as are set, and with 0 counts nothing', async () => {
    const [one] = replicas({ BERTH_LOGIN_FREE_TRIES: '1' });
    expect(await one!('wrong')).toBe('wrong');
    await hold();
    expect(await one!('wrong')).toEqual(MANY_SECONDS);
    await sql('TRUNCATE auth.login_failure');
    const [off] = replicas({ BERTH_LOGIN_FREE_TRIES: '0' });
    for (const guess of guesses(60)) expect(await off!(guess)).toBe('wrong');
    expect(await sql('SELECT FROM auth.login_failure')).toEqual([]);
  });

  it('says who was refused, from where and why, and never the password', async () => {
    const [one] = replicas({ BERTH_LOGIN_FREE_TRIES: '1' });
    await one!('wrong');
    await hold();
    await one!(RIGHT);
    expect(logged.mock.calls).toEqual([
      [{ msg: 'login refused', user: ANN.name, address: ANN.address, reason: 'pair', retryAfterSeconds: MANY_SECONDS }],
    ]);
    expect(await metrics.registry.metrics()).toMatch(/^berth_logins_refused_total\{reason="pair",.*\} 1$/m);
  });
});

describe('guesses at two replicas of auth', () => {
  const ENV = { BERTH_SECRET_KEY: 's'.repeat(32), BERTH_ADMIN_PASSWORD: RIGHT };
  let replicas: InProcessService[];
  beforeAll(async () => {
    const url = await emptyDatabase();
    replicas = [await startInProcess(AuthModule, url, ENV), await startInProcess(AuthModule, url, ENV)];
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.stop();
  });

  const codeOf = (asked: Promise<unknown>) =>
    asked.then(
      () => 'token',
      (error: RegistryError) => `${error.code}: ${error.message}`,
    );
  const logIn = (replica: number, username: string, password: string, address: string) =>
    codeOf(replicas[replica]!.bus.request(ISSUE_TOKEN, { username, password, address, scopes: [] }));

  it.each(['admin', 'nobody', 'other/nobody', 'no/body'])('go for %s as for any other name', async (name) => {
    const address = `2001:db8:${name.length.toString(16)}::/64`;
    const answers: string[] = [];
    for (let n = 0; n < 5; n++) answers.push(await logIn(n % 2, name, `wrong ${n}`, address));
    await moveTime(replicas[0]!.database, -HELD);
    for (let n = 0; n < 2; n++) answers.push(await logIn(n, name, 'wrong', address));
    const wrong = 'UNAUTHORIZED: wrong user name or password';
    const slowed = 'TOOMANYREQUESTS: too many failed logins';
    expect(answers).toEqual([wrong, wrong, wrong, wrong, wrong, slowed, slowed]);
    const history = await new LoginFailureStore(replicas[0]!.database).find({
      name: name.includes('/') ? name : `admin/${name}`,
      address,
    });
    expect([history.pair?.count, history.address?.count, history.name?.count]).toEqual([5, 5, 5]);
  });

  it('are none where an access key is given: strangers do not slow it, and it leaves no trace', async () => {
    const { bus, database } = replicas[0]!;
    const [user] = await sqlOn(database, `SELECT id FROM auth."user" WHERE name = 'admin'`);
    const asked = { userId: String(user!['id']), lifeSeconds: 900 };
    const { username, password } = await bus.request(CREATE_DOCKER_LOGIN, asked);
    const address = '203.0.113.88';
    const traces = async () =>
      (await sqlOn(database, 'SELECT subject FROM auth.login_failure UNION ALL SELECT subject FROM auth.known_login'))
        .length;
    const before = await traces();
    for (let n = 0; n < 10; n++) {
      expect(await logIn(n % 2, username, `wrong ${n}`, address)).toBe('UNAUTHORIZED: wrong user name or password');
    }
    expect(await logIn(1, username, password, address)).toBe('token');
    expect(await traces()).toBe(before);
  });

  it('are one count for passwords of IAM tokens and of the registry', async () => {
    const address = '203.0.113.77';
    const iam = (password: string) => {
      const names = { accountName: 'admin', userName: 'admin' };
      return codeOf(replicas[0]!.bus.request(ISSUE_IAM_TOKEN, { ...names, password, address, scope: 'account' }));
    };
    for (let n = 0; n < 3; n++) expect(await iam(`wrong ${n}`)).toMatch(/^UNAUTHORIZED/);
    for (const [n, name] of ['admin/admin', 'admin'].entries()) {
      expect(await logIn(1, name, `wrong ${n}`, address)).toMatch(/^UNAUTHORIZED/);
    }
    await moveTime(replicas[0]!.database, -HELD);
    expect(await iam(RIGHT)).toMatch(/^TOOMANYREQUESTS/);
    for (const name of ['admin/admin', 'admin']) {
      expect(await logIn(1, name, RIGHT, address)).toMatch(/^TOOMANYREQUESTS/);
    }
    expect(await logIn(1, 'admin/admin', RIGHT, '203.0.113.78')).toBe('token');
  });
});
