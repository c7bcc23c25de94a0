import { REGISTRY_ERRORS } from '@berth/oci';
import { AccountStore } from './account.store.js';
import { Database, isOfOneStatement } from './database.js';
import { OrganisationStore } from './organisation.store.js';
import { SigningKeyStore } from './signing-key.store.js';
import { onDatabase } from './testing/registry-fixture.js';
import { eventually } from './testing/test-kit.js';

const UNAVAILABLE = { code: 'UNAVAILABLE', status: REGISTRY_ERRORS.UNAVAILABLE.status };
const say = (text: string) => ({ name: text.slice(0, 63), text });

describe(Database.name, () => {
  const on = onDatabase();
  let database: Database;

  beforeEach(async () => {
    ({ database } = on.test);
    await on.test.rows('CREATE TABLE note (id int PRIMARY KEY, text text)');
  });

  const insert = say('INSERT INTO note (id) VALUES ($1)');
  const notes = async () => (await on.test.rows<{ id: number }>('SELECT id FROM note ORDER BY 1')).map(({ id }) => id);
  const pidOf = async (rows: Database['rows']) =>
    (await rows<{ pid: number }>(say('SELECT pg_backend_pid() AS pid'), []))[0]!.pid;
  const terminate = async (pid: number) => {
    await on.test.rows('SELECT pg_terminate_backend($1)', [pid]);
    await eventually(
      async () => (await on.test.rows('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid])).length === 0,
      { what: 'the backend is gone' },
    );
  };

  describe('transaction', () => {
    it('commits what its work did, and gives its result', async () => {
      const result = await database.transaction(async (rows) => {
        await rows(insert, [1]);
        await rows(insert, [2]);
        expect(await notes()).toEqual([]);
        return 'done';
      });
      expect(result).toBe('done');
      expect(await notes()).toEqual([1, 2]);
    });

    it('rolls everything back when the work throws, and throws that', async () => {
      const trouble = new Error('no');
      const run = database.transaction(async (rows) => {
        await rows(insert, [1]);
        throw trouble;
      });
      await expect(run).rejects.toBe(trouble);
      expect(await notes()).toEqual([]);
    });

    it('rolls everything back when a statement fails, and gives the connection back in order', async () => {
      const one = on.test.another({ poolSize: 1 });
      const run = one.transaction(async (rows) => {
        await rows(insert, [1]);
        await rows(insert, [1]);
      });
      await expect(run).rejects.toMatchObject({ code: '23505' });
      expect(await notes()).toEqual([]);
      await one.transaction((rows) => rows(insert, [2]));
      expect(await notes()).toEqual([2]);
      expect(one.poolUse()).toEqual({ total: 1, idle: 1, waiting: 0 });
    });

    it('is UNAVAILABLE when its connection is cut between two statements, and the process lives on', async () => {
      const run = database.transaction(async (rows) => {
        await rows(insert, [1]);
        await terminate(await pidOf(rows));
        await rows(insert, [2]);
      });
      await expect(run).rejects.toMatchObject(UNAVAILABLE);
      expect(await notes()).toEqual([]);
      await database.transaction((rows) => rows(insert, [3]));
      expect(await notes()).toEqual([3]);
    });

    it('is UNAVAILABLE when its connection is cut while a statement runs', async () => {
      const run = database.transaction(async (rows) => {
        const pid = await pidOf(rows);
        const cut = on.test.untilWaiting(1).then(() => terminate(pid));
        const asleep = rows(say('SELECT pg_advisory_xact_lock(7)'), []);
        await Promise.all([cut, asleep]);
      });
      const holder = await on.test.session();
      await holder.rows('SELECT pg_advisory_lock(7)');
      await expect(run).rejects.toMatchObject(UNAVAILABLE);
      await database.ready();
    });

    it('runs again when it was the victim of a deadlock: nothing of it had happened', async () => {
      await on.test.rows('INSERT INTO note VALUES (1), (2)');
      const touch = say('UPDATE note SET text = coalesce(text, $$$$) || $2 WHERE id = $1');
      let attempts = 0;
      let meet: () => void;
      const met = new Promise<void>((resolve) => (meet = resolve));
      const cross = (first: number, second: number, mark: string) =>
        database.transaction(async (rows) => {
          await rows(touch, [first, mark]);
          if (++attempts === 2) meet();
          await met;
          await rows(touch, [second, mark]);
        });
      await Promise.all([cross(1, 2, 'a'), cross(2, 1, 'b')]);
      expect(attempts).toBe(3);
      const [one, two] = await on.test.rows<{ text: string }>('SELECT text FROM note ORDER BY id');
      expect([...one!.text].sort().join('')).toBe('ab');
      expect(two!.text).toBe(one!.text);
    });
  });

  describe('rows', () => {
    it('gives the error of a statement as PostgreSQL reports it', async () => {
      await expect(database.rows(say('SELECT 1/0'), [])).rejects.toMatchObject({ code: '22012' });
    });

    it('waits for a free connection rather than to fail', async () => {
      const one = on.test.another({ poolSize: 1 });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => one.rows<{ n: number }>(say('SELECT $1::int AS n'), [n])),
      );
      expect(answers.map(([row]) => row!.n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
      expect(one.poolUse()).toMatchObject({ total: 1, waiting: 0 });
    });

    it('shows the process by its name in pg_stat_activity', async () => {
      const named = on.test.another({ applicationName: 'registry-v2' });
      await named.ready();
      expect(
        await on.test.rows(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'registry-v2'`),
      ).not.toHaveLength(0);
    });
  });

  describe('while PostgreSQL is away', () => {
    afterEach(async () => {
      await on.databases.postgres.restart();
    });

    const calls: Record<string, (database: Database) => Promise<unknown>> = {
      rows: (it) => it.rows(say('SELECT 1'), []),
      transaction: (it) => it.transaction((rows) => rows(say('SELECT 1'), [])),
      ready: (it) => it.ready(),
      'a read by Prisma': (it) => new AccountStore(it).isInitialised(),
      'a transaction of Prisma': (it) => new OrganisationStore(it).ensure('acme', null),
      'another transaction of Prisma': (it) =>
        new SigningKeyStore(it).createFirst({
          id: 'k',
          algorithm: 'ES256',
          publicJwk: {},
          privateJwkEncrypted: new Uint8Array(1),
        }),
    };

    it.each([
      ['stops in order', 'pause'],
      ['is killed', 'kill'],
    ] as const)(
      'is UNAVAILABLE whatever is asked when it %s, and works again by itself when it is back',
      async (_how, end) => {
        for (const call of Object.values(calls)) await call(database);
        await on.databases.postgres[end]();
        for (const [name, call] of Object.entries(calls)) {
          const error = await call(database).catch((thrown: unknown) => thrown);
          expect([name, error]).toEqual([name, expect.objectContaining(UNAVAILABLE)]);
        }
        await on.databases.postgres.restart();
        for (const call of Object.values(calls)) await call(database);
      },
    );
  });

  describe('where PostgreSQL only reads, as a replica does', () => {
    const writes: Record<string, (database: Database) => Promise<unknown>> = {
      rows: (it) => it.rows(insert, [1]),
      transaction: (it) => it.transaction((rows) => rows(insert, [1])),
      'a transaction of Prisma': (it) =>
        new SigningKeyStore(it).createFirst({
          id: 'k',
          algorithm: 'ES256',
          publicJwk: {},
          privateJwkEncrypted: new Uint8Array(1),
        }),
    };
    let one: Database;
    let switchTo: (onlyReads: boolean) => Promise<unknown>;

    beforeEach(async () => {
      one = on.test.another({ poolSize: 1 });
      const operator = await on.test.session();
      const [row] = await on.test.rows<{ name: string }>('SELECT current_database() AS name');
      switchTo = (onlyReads) =>
        operator.rows(`ALTER DATABASE "${row!.name}" SET default_transaction_read_only = ${onlyReads}`);
      await switchTo(true);
    });

    it.each(Object.entries(writes))('keeps no connection on which %s could not write', async (_name, write) => {
      await expect(write(one)).rejects.toMatchObject(UNAVAILABLE);
      expect(await one.rows(say('SELECT 1 AS n'), [])).toEqual([{ n: 1 }]);
      await expect(write(one)).rejects.toMatchObject(UNAVAILABLE);
      await switchTo(false);
      await write(one);
    });

    it('is not ready, says why, and is ready again by itself', async () => {
      await expect(one.ready()).rejects.toMatchObject({ ...UNAVAILABLE, message: 'the database only reads' });
      await switchTo(false);
      await one.ready();
    });
  });

  it('ends a statement that takes too long, which is UNAVAILABLE and takes no lock any more', async () => {
    await database.rows(insert, [1]);
    const error = await database
      .transaction(async (rows) => {
        await rows(say('UPDATE note SET text = $1'), ['late']);
        await rows(say('SELECT pg_sleep(60)'), []);
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(UNAVAILABLE);
    expect(isOfOneStatement(error)).toBe(true);
    expect(await on.test.rows('SELECT text FROM note FOR UPDATE NOWAIT')).toEqual([{ text: null }]);
  }, 40_000);

  it.each([
    ['a block of a table that cannot be read', '58030', true],
    ['a server that is stopped', '57P01', false],
    ['a database that only reads', '25006', false],
  ])('knows what one statement alone met: %s', async (_what, state, isOne) => {
    const raise = say(`DO $$ BEGIN RAISE SQLSTATE '${state}'; END $$`);
    const error = await database.rows(raise, []).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(UNAVAILABLE);
    expect(isOfOneStatement(error)).toBe(isOne);
  });

  it('takes the locks from a transaction that does nothing any more, and lets nothing of it happen', async () => {
    await database.rows(insert, [1]);
    const change = say('UPDATE note SET text = $1 WHERE id = 1');
    const waits = database.transaction(async (rows) => {
      await rows(change, ['sleeper']);
      await on.test.another().rows(change, ['waiter']);
      await rows(insert, [2]);
    });
    await expect(waits).rejects.toMatchObject(UNAVAILABLE);
    expect(await on.test.rows('SELECT * FROM note')).toEqual([{ id: 1, text: 'waiter' }]);
  });

  it('is UNAVAILABLE within the connection timeout where nothing answers at the address', async () => {
    const nowhere = new Database({ url: 'postgresql://u@127.0.0.1:1/x', poolSize: 1, applicationName: 'x' });
    await expect(nowhere.ready()).rejects.toMatchObject(UNAVAILABLE);
    await nowhere.close();
  });

  it('can be closed twice', async () => {
    const other = new Database({ url: on.test.url, poolSize: 1, applicationName: 'x' });
    await other.ready();
    await other.close();
    await other.close();
  });
});
