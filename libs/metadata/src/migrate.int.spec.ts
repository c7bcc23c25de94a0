import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { deployMigrations, schemaDrift } from './migrate.js';
import {
  type CommandResult,
  eventually,
  findProgram,
  requireOrSkip,
  runCommand,
  startPostgres,
  tempFolder,
  type TestPostgres,
  tryCommand,
} from './testing/test-kit.js';

const ROOT = resolve(__dirname, '../../..');
const MIGRATIONS = readdirSync(join(ROOT, 'prisma/migrations'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

jest.setTimeout(120_000);

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.stop());

async function rowsOf(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const connectionsTo = (url: string) =>
  rowsOf(postgres.url, `SELECT pid FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}'`);
const shadowDatabases = () => rowsOf(postgres.url, `SELECT datname FROM pg_database WHERE datname LIKE '%shadow%'`);
const finished = (url: string) =>
  rowsOf(url, 'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1');

describe(deployMigrations.name, () => {
  it('applies every migration to an empty database, and nothing the second time', async () => {
    const url = await postgres.createDatabase();
    expect(await deployMigrations(url)).toEqual(MIGRATIONS);
    expect(await deployMigrations(url)).toEqual([]);
    expect((await finished(url)).map((row) => row['migration_name'])).toEqual(MIGRATIONS);
  });

  it('makes the oldest account the operators’, of those that were there before they were marked', async () => {
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    await rowsOf(
      url,
      `ALTER TABLE auth.account DROP COLUMN is_operator;
       CREATE INDEX account_created_at_idx ON auth.account (created_at);
       INSERT INTO auth.account (id, name, created_at)
       SELECT gen_random_uuid(), name, now() - age FROM (VALUES ('new', interval '1 day'), ('old', '9 days')) AS a(name, age)`,
    );
    await rowsOf(
      url,
      readFileSync(join(ROOT, 'prisma/migrations/20261121166000_operator_account/migration.sql'), 'utf8'),
    );
    expect(await rowsOf(url, 'SELECT name FROM auth.account WHERE is_operator')).toEqual([{ name: 'old' }]);
  });

  it('applies each migration once when it runs several times at once', async () => {
    const url = await postgres.createDatabase();
    const applied = await Promise.all([deployMigrations(url), deployMigrations(url), deployMigrations(url)]);
    expect(applied.flat().sort()).toEqual(MIGRATIONS);
    expect((await finished(url)).map((row) => row['migration_name'])).toEqual(MIGRATIONS);
  });

  it('leaves no connection behind', async () => {
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    // The server takes a moment to see that a client has gone.
    await eventually(async () => (await connectionsTo(url)).length === 0, {
      what: 'the connections of the migration are closed',
      within: 3_000,
    });
  });

  it('makes the lists of names compare as ASCII, whatever the database does by default', async () => {
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    const columns = await rowsOf(
      url,
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
       WHERE table_schema = 'registry' AND collation_name = 'C'`,
    );
    expect(columns.map((row) => row['name'])).toEqual(
      expect.arrayContaining([
        'repository.path',
        'repository.display_name',
        'tag.name',
        'blob.digest',
        'manifest.digest',
      ]),
    );
  });
});

describe('the URL of the database, which `pg` reads for all else', () => {
  it('may name a database with what an URL must encode', async () => {
    await postgres.createDatabase('déjà vu');
    expect(await deployMigrations(postgres.urlOf('d%C3%A9j%C3%A0%20vu'))).toEqual(MIGRATIONS);
  });

  it('may have the address of a host in IPv6', async () => {
    await expect(deployMigrations('postgresql://postgres@[::1]:1/none')).rejects.toThrow(' at `::1');
  });

  requireOrSkip('openssl', findProgram('openssl', 'its package has this name').reason)('with TLS', () => {
    const folder = tempFolder('berth-tls');
    const certificate = join(folder.path, 'server.crt');
    let secured: TestPostgres;

    beforeAll(async () => {
      const key = join(folder.path, 'server.key');
      const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
      const whose = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      await runCommand('openssl', ['req', '-x509', ...what, ...whose, '-keyout', key, '-out', certificate]);
      const files = {
        'server.key': readFileSync(key, 'utf8'),
        'server.crt': readFileSync(certificate, 'utf8'),
        'pg_hba.conf': 'host postgres all all trust\nhostssl all all all trust\n',
      };
      secured = await startPostgres({ files, settings: { ssl: 'on' } });
    });
    afterAll(async () => {
      await secured?.stop();
      folder.remove();
    });

    const urlWith = async (query: string) => {
      const { pathname, port } = new URL(await secured.createDatabase());
      return `postgresql://postgres@localhost:${port}${pathname}?${query}`;
    };

    it.each([
      ['with the certificate of who signed', `sslmode=verify-full&sslrootcert=${certificate}`],
      ['unverified', 'sslmode=no-verify'],
    ])('deploys, and compares with a shadow database, %s', async (_how, query) => {
      const url = await urlWith(query);
      expect(await deployMigrations(url)).toEqual(MIGRATIONS);
      expect(await schemaDrift(url)).toBeNull();
    });

    it('does not deploy to a server whose certificate nobody it knows has signed', async () => {
      await expect(deployMigrations(await urlWith('sslmode=verify-full'))).rejects.toThrow('self-signed certificate');
    });
  });
});

describe(schemaDrift.name, () => {
  it('finds that prisma/schema and prisma/migrations agree', async () => {
    expect(await schemaDrift(postgres.url)).toBeNull();
  });

  it('leaves neither a shadow database nor a table behind', async () => {
    const url = await postgres.createDatabase();
    await schemaDrift(url);
    expect(await shadowDatabases()).toEqual([]);
    expect(
      await rowsOf(url, `SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'manage', 'registry', 'storage')`),
    ).toEqual([]);
  });
});

/** The program behind `npm run migrate`, in a copy of the workspace, so that the repository's own migrations stay alone. */
describe('npm run migrate', () => {
  const folder = tempFolder('berth-migrate');
  const program = join(folder.path, 'libs/metadata/dist/migrate-main.js');
  const schemaFile = join(folder.path, 'prisma/schema/registry.prisma');

  const migrate = (url: string | undefined, ...args: string[]): Promise<CommandResult> =>
    tryCommand(process.execPath, [program, ...args], {
      env: { PATH: process.env['PATH'], ...(url !== undefined && { BERTH_DATABASE_URL: url }) },
    });

  /** The same, while it runs. */
  const begin = (url: string, ...args: string[]): ChildProcess =>
    spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env['PATH'], BERTH_DATABASE_URL: url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  beforeAll(() => {
    cpSync(join(ROOT, 'libs/metadata/dist'), join(folder.path, 'libs/metadata/dist'), { recursive: true });
    cpSync(join(ROOT, 'prisma'), join(folder.path, 'prisma'), { recursive: true });
    writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  });
  afterAll(() => folder.remove());

  it('writes no migration where the schema and the migrations agree', async () => {
    const names = () => readdirSync(join(folder.path, 'prisma/migrations'));
    const before = names();
    expect(await migrate(postgres.url, 'create', 'nothing')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('already give the schema'),
    });
    expect(names()).toEqual(before);
  });

  it('writes a migration with the change of the schema and nothing else, which then deploys', async () => {
    const url = await postgres.createDatabase();
    expect(await migrate(url, 'deploy')).toMatchObject({ code: 0, stdout: `applied: ${MIGRATIONS.join(', ')}\n` });
    const schema = readFileSync(schemaFile, 'utf8');
    writeFileSync(schemaFile, schema.replace('model Blob {', 'model Blob {\n  note String?'));

    expect(await migrate(url, 'check')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ADD COLUMN     "note" TEXT'),
    });
    const created = await migrate(url, 'create', 'add_note');
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/\/\d{14}_add_note\n$/) });
    const statements = readFileSync(join(created.stdout.trim(), 'migration.sql'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('--'));
    expect(statements).toEqual(['ALTER TABLE "registry"."blob" ADD COLUMN     "note" TEXT;']);

    expect(await migrate(url, 'check')).toMatchObject({ code: 0, stdout: expect.stringContaining('agree') });
    expect(await migrate(url, 'deploy')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^applied: \d+_add_note\n$/),
    });
    expect(await migrate(url, 'deploy')).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') });
    expect(
      await rowsOf(url, `SELECT 1 FROM information_schema.columns WHERE table_name = 'blob' AND column_name = 'note'`),
    ).toHaveLength(1);
  });

  it('applies each migration once when several processes deploy at the same time', async () => {
    const url = await postgres.createDatabase();
    const runs = await Promise.all([migrate(url, 'deploy'), migrate(url, 'deploy'), migrate(url, 'deploy')]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(runs.filter(({ stdout }) => !stdout.includes('up to date'))).toHaveLength(1);
    expect((await finished(url)).length).toBe(new Set((await finished(url)).map((row) => row['migration_name'])).size);
  });

  it('waits, where it is asked to, until the database answers, and says why it cannot yet', async () => {
    const own = await startPostgres();
    try {
      await own.pause();
      const waiting = migrate(own.url, 'deploy', '--wait');
      await delay(2_500);
      await own.restart();
      const { code, stdout } = await waiting;
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^waiting: the database of BERTH_DATABASE_URL cannot be used: .*ECONNREFUSED.*\n(?:waiting: .*\n)?applied: /,
      );
    } finally {
      await own.stop();
    }
  });

  it('waits for what somebody else deploys, and says which migration is missing', async () => {
    const url = await postgres.createDatabase();
    const waiting = migrate(url, 'wait');
    await delay(2_500);
    expect((await migrate(url, 'deploy')).code).toBe(0);
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^waiting: the database has no migration \d+_\w+ and \d+ more yet: .*\n(?:waiting: .*\n)*the database has every migration/,
    );
    expect(await migrate(url, 'wait')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('waiting') });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends a wait at once at %s', async (signal) => {
    const url = await postgres.createDatabase();
    const child = begin(url, 'wait');
    await once(child.stdout!, 'data');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([signal === 'SIGTERM' ? 143 : 130, null]);
  });

  describe('with a migration that is being applied', () => {
    const name = '99990101000000_held';
    const made = join(folder.path, 'prisma/migrations', name);
    let url: string;
    let holder: pg.Client;
    let child: ChildProcess;

    const held = () =>
      rowsOf(url, `SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()`);
    const isThere = async () => {
      const [row] = await rowsOf(url, `SELECT to_regclass('public.held') IS NOT NULL AS there`);
      return row!['there'] as boolean;
    };
    const killed = async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };

    beforeEach(async () => {
      url = await postgres.createDatabase();
      holder = new pg.Client({ connectionString: url });
      await holder.connect();
      await holder.query('SELECT pg_advisory_lock(7)');
      mkdirSync(made);
      writeFileSync(
        join(made, 'migration.sql'),
        'CREATE TABLE public.held ();\nSELECT pg_advisory_xact_lock(7);\nCREATE INDEX ON public.held ((1));\n',
      );
      child = begin(url, 'deploy');
      await eventually(async () => (await held()).length === 1, { what: 'it is being applied', within: 30_000 });
    });
    afterEach(async () => {
      if (child.exitCode === null && child.signalCode === null) await killed();
      await holder.end();
      rmSync(made, { recursive: true });
    });

    it('finishes it at SIGTERM', async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await once(child.stdout!, 'data');
      await holder.query('SELECT pg_advisory_unlock(7)');
      expect(await ended).toEqual([0, null]);
      expect(await migrate(url, 'deploy')).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') });
    });

    it('resolves one whose process was killed, and that PostgreSQL applied to its end all the same', async () => {
      await killed();
      expect(await migrate(url, 'resolve', name)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('try again later'),
      });
      await holder.query('SELECT pg_advisory_unlock(7)');
      await eventually(isThere, { what: 'PostgreSQL has applied it' });
      expect(await migrate(url, 'deploy')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`run "migrate resolve ${name}", and deploy again`),
      });
      expect(await migrate(url, 'resolve', name)).toMatchObject({
        code: 0,
        stdout: `${name} had been applied, and is marked so\n`,
      });
      expect(await migrate(url, 'deploy')).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') });
      expect(await migrate(url, 'wait')).toMatchObject({ code: 0 });
    });

    it('resolves one that PostgreSQL undid, and deploy applies it again', async () => {
      const [backend] = await held();
      await killed();
      await rowsOf(postgres.url, `SELECT pg_terminate_backend(${String(backend!['pid'])}, 10000)`);
      await holder.query('SELECT pg_advisory_unlock(7)');
      expect(await isThere()).toBe(false);
      expect(await migrate(url, 'deploy')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('migrate resolve'),
      });
      expect(await migrate(url, 'resolve', name)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('nothing of'),
      });
      expect(await migrate(url, 'deploy')).toMatchObject({ code: 0, stdout: `applied: ${name}\n` });
      expect(await isThere()).toBe(true);
      expect(await migrate(url, 'resolve', name)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('is no migration'),
      });
    });
  });

  it('says how it is used, and fails, without a database or a command', async () => {
    expect(await migrate(undefined, 'deploy')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^BERTH_DATABASE_URL is not set\nusage: /),
    });
    expect(await migrate(postgres.url, 'explode')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^usage: /),
    });
  });
});
