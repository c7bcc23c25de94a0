import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request as get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { signOperatorToken } from '@berth/platform';
import { EmbeddedPostgres } from '@berth/standalone';
import {
  anImage,
  anIndex,
  exchange,
  eventually,
  freePort,
  processExists,
  RegistryClient,
  requestToken,
  tempFolder,
} from '@berth/testing';
import { Client } from 'pg';
import { Directory } from './directory.js';
import { IamClient } from './iam-client.js';

jest.setTimeout(180_000);

const BERTH = join(__dirname, '../bin/berth.mjs');
const STANDALONE = join(__dirname, '../../standalone/dist/main.js');
const PASSWORD = 'correct horse battery';

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}
type Fields = Record<string, string>;

/** The command as people run it, first against a registry that runs, then against the folder that it leaves. */
describe('berth', () => {
  const temp = tempFolder();
  const data = join(temp.path, 'data');
  let registry: ChildProcess | undefined;
  let log = '';
  /** Whatever the registry or the command made that only its owner may see. */
  const secrets: string[] = [PASSWORD];

  beforeAll(async () => {
    // As root PostgreSQL runs as nobody, who must be able to pass.
    chmodSync(temp.path, 0o755);
    // Whatever has to be built is built here: the line that says so belongs to no command.
    await run(['--help']);
    await startRegistry();
  });
  afterAll(async () => {
    await stopRegistry();
    temp.remove();
  });

  async function startRegistry(): Promise<void> {
    registry = spawn(process.execPath, [STANDALONE], {
      env: {
        ...{ PATH: process.env['PATH'], BERTH_DATA_DIR: data, BERTH_ADMIN_PASSWORD: PASSWORD },
        ...{ BERTH_PORT: '0', BERTH_INTERNAL_PORT: '0', BERTH_LOG_LEVEL: 'trace' },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [registry.stdout!, registry.stderr!]) stream.on('data', (bytes) => (log += String(bytes)));
    await eventually(() => existsSync(join(data, 'address')), { what: 'the registry answers', within: 60_000 });
  }
  async function stopRegistry(): Promise<void> {
    if (!registry) return;
    const ended = new Promise((resolve) => registry!.once('close', resolve));
    registry.kill('SIGTERM');
    await ended;
    registry = undefined;
  }

  async function run(words: string[], env: Record<string, string> = {}, input = ''): Promise<Outcome> {
    const child = spawn(BERTH, words, {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], BERTH_DATA_DIR: data, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const outcome: Outcome = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (bytes) => (outcome.stdout += String(bytes)));
    child.stderr.on('data', (bytes) => (outcome.stderr += String(bytes)));
    child.stdin.end(input);
    outcome.code = await new Promise((resolve) => child.once('close', resolve));
    return outcome;
  }
  /** The one line that it prints. */
  async function json(line: string, env?: Record<string, string>, input?: string): Promise<Fields> {
    const { code, stdout, stderr } = await run([...line.split(' '), '--json'], env, input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[^\n]+\n$/);
    const fields = JSON.parse(stdout) as Fields;
    secrets.push(...['secret', 'password'].flatMap((name) => fields[name] ?? []));
    return fields;
  }
  async function refused(line: string, env?: Record<string, string>): Promise<string> {
    const { code, stdout, stderr } = await run(line.split(' '), env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^berth: [^\n]+\n$/);
    return stderr;
  }

  const address = () => readFileSync(join(data, 'address'), 'utf8').trim();
  async function bearerStatus(user: string, password: string): Promise<number> {
    const credentials = { user, password };
    return (await requestToken({ realm: `${address()}/auth/token`, service: 'berth', credentials })).status;
  }
  const keyStatus = ({ access, secret }: Fields) =>
    bearerStatus(`local@${access!}`, createHmac('sha256', secret!).update(access!).digest('hex'));

  describe('against a registry that runs', () => {
    it('makes an access key of the administrator, that works', async () => {
      const key = await json('access-key create --user admin');
      expect(key).toMatchObject({ user: 'admin', project: 'local' });
      expect(key['access']).toMatch(/^[A-Z0-9]{20}$/);
      expect(key['secret']).toMatch(/^[A-Za-z0-9]{40}$/);
      for (const id of ['project_id', 'domain_id', 'user_id']) expect(key[id]).toMatch(/^[0-9a-f]{32}$/);
      expect(await keyStatus(key)).toBe(200);
    });

    it('makes an account and a user with a password that is shown once', async () => {
      expect(await json('account create team')).toMatchObject({ account: 'team', organisation_quota: 5 });
      const ann = await json('user create ann --account team --administrator');
      expect(ann).toMatchObject({ user: 'ann', enabled: true, is_administrator: true });
      expect(await bearerStatus('team/ann', ann['password']!)).toBe(200);
      const listed = await run(['user', 'list', '--account', 'team']);
      expect(listed.stdout).toMatch(/^user +user_id.*\nann +[0-9a-f]{32} /);
      expect(listed.stdout).not.toContain(ann['password']);
    });

    it('takes a new password from the environment or from standard input', async () => {
      const given = await json('user create bob', { BERTH_NEW_PASSWORD: 'bobs own password' });
      expect(given).not.toHaveProperty('password');
      expect(await bearerStatus('bob', 'bobs own password')).toBe(200);
      await json('user password bob --password-stdin', {}, 'another password\n');
      expect(await bearerStatus('bob', 'bobs own password')).toBe(401);
      expect(await bearerStatus('bob', 'another password')).toBe(200);
      secrets.push('bobs own password', 'another password');
    });

    it('disables and enables users and accounts', async () => {
      const key = await json('access-key create --user ann --account team');
      for (const [what, name] of [
        ['user', 'ann --account team'],
        ['account', 'team'],
      ]) {
        expect(await json(`${what} disable ${name}`)).toMatchObject({ enabled: false });
        expect(await keyStatus(key)).toBe(401);
        expect(await json(`${what} enable ${name}`)).toMatchObject({ enabled: true });
        expect(await keyStatus(key)).toBe(200);
      }
      expect(await json('account quota team --organisations 7')).toMatchObject({ organisation_quota: 7 });
      expect(await json('account quota team --organisations none')).toMatchObject({ organisation_quota: null });
      expect(await refused('user disable admin')).toContain('last enabled administrator');
    });

    it('explains to the operator why something is kept, and what would go', async () => {
      const client = new RegistryClient(address(), { user: 'admin', password: PASSWORD });
      const [index, lone] = [anIndex(), anImage()];
      await client.push('tools/deep/app', index, 'v1');
      await client.push('tools/deep/app', lone, lone.manifest.digest);
      const image = index.images[0]!;
      const { stdout } = await run(['gc', 'explain', image.layers[0]!.digest]);
      expect(stdout.split('\n').map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
        'where  what  state  why',
        `tools/deep/app  blob  kept  manifest ${image.manifest.digest}`,
        `tools/deep/app  blob  kept  index ${index.manifest.digest}`,
        'tools/deep/app  blob  kept  tag v1',
        '',
      ]);
      expect(await json(`gc explain ${lone.manifest.digest} --repository tools/deep/app`)).toEqual({
        where: 'tools/deep/app',
        what: 'manifest',
        state: 'kept',
        why: 'policy of the installation: untagged manifests are kept',
      });
      const plan = (await run(['gc', 'plan', '--json'])).stdout.trim().split('\n');
      expect(plan.map((line) => JSON.parse(line) as object)).toContainEqual({
        what: 'manifests',
        count: 0,
        bytes: 0,
        which: null,
      });
      expect(await refused('gc explain v1')).toBe('berth: digest must be sha256:... or sha512:...\n');
      expect(await refused(`gc explain ${lone.manifest.digest} --repository tools`)).toContain('ORGANISATION/NAME');
      expect(await refused(`gc explain sha256:${'0'.repeat(64)}`)).toContain('nothing of the digest');
      const ann = { BERTH_PASSWORD: 'anns own password', BERTH_NEW_PASSWORD: 'anns own password' };
      await json('account create gardeners');
      await json('user create rose --account gardeners --administrator', ann);
      expect(await refused('gc plan --login gardeners/rose', ann)).toBe('berth: permission denied\n');
    });

    it('rotates, lists, disables, enables and removes access keys', async () => {
      const old = await json('access-key create --user bob --description CI');
      const fresh = await json(`access-key rotate ${old['access']} --user bob`);
      expect(fresh).toMatchObject({ replaces: old['access'], description: 'CI' });
      expect([await keyStatus(old), await keyStatus(fresh)]).toEqual([401, 200]);
      const { stdout } = await run(['access-key', 'list', '--user', 'bob', '--json']);
      const lines = stdout.trim().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as Fields)['status'])).toEqual(['inactive', 'active']);
      expect(stdout).not.toContain(fresh['secret']);
      await json(`access-key disable ${fresh['access']}`);
      expect(await keyStatus(fresh)).toBe(401);
      await json(`access-key enable ${fresh['access']}`);
      expect(await keyStatus(fresh)).toBe(200);
      await json(`access-key remove ${fresh['access']}`);
      expect(await refused(`access-key enable ${fresh['access']}`)).toContain('there is no such access key');
      expect(await refused(`access-key rotate ${old['access']} --user ann --account team`)).toContain(
        'has no access key',
      );
    });

    it('makes and lists projects', async () => {
      expect(await json('project create cn-north-4 --account team')).toMatchObject({ project: 'cn-north-4' });
      const { stdout } = await run(['project', 'list', '--account', 'team', '--json']);
      expect(stdout.trim().split('\n')).toHaveLength(2);
    });

    it('shows the operator, and nobody else, how far garbage collection is', async () => {
      const { code, stdout } = await run(['gc', 'status', '--json']);
      expect(code).toBe(0);
      const tasks = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Fields);
      expect(tasks).toEqual([
        expect.objectContaining({ task: 'objects', held: null }),
        expect.objectContaining({ task: 'scrub', phase: 'idle', blobs: 0 }),
      ]);
      expect((await run(['gc', 'status'])).stdout).toContain('phase');
      expect((await run(['gc', 'quarantine'])).stdout).toBe('none\n');
      expect((await run(['gc', 'confirm', 'objects'])).stdout).toBe('none\n');
      expect(await run(['gc', 'confirm', 'everything'])).toMatchObject({ code: 1 });
      await json('account create collector');
      await json('user create carl --account collector --administrator', { BERTH_NEW_PASSWORD: PASSWORD });
      const asCarl = { BERTH_PASSWORD: PASSWORD };
      for (const verb of ['status', 'quarantine', 'confirm objects']) {
        expect(await refused(`gc ${verb} --login collector/carl`, asCarl)).toContain('permission denied');
      }
    });

    it('logs in by password where there is no key, as anybody', async () => {
      const elsewhere = { BERTH_DATA_DIR: join(temp.path, 'nothing'), BERTH_URL: address() };
      const bob = { ...elsewhere, BERTH_PASSWORD: 'another password' };
      expect(await keyStatus(await json('access-key create --login bob', bob))).toBe(200);
      expect(await refused('user list --login bob', bob)).toContain('denied');
      await json('user password bob --login bob', { ...bob, BERTH_NEW_PASSWORD: 'a third password' });
      secrets.push('a third password');
      expect(await bearerStatus('bob', 'a third password')).toBe(200);
      expect(await refused('access-key list --login bob', bob)).toContain('does not accept these credentials');
      expect(await refused('user list', elsewhere)).toContain('set its BERTH_SECRET_KEY, or log in with --login');
      expect(await refused('user list --login bob', elsewhere)).toContain('BERTH_PASSWORD');
      const key = { ...elsewhere, BERTH_SECRET_KEY: 'x'.repeat(32) };
      expect(await refused('user list', key)).toContain('does not accept these credentials');
    });

    it('says in one sentence what is wrong', async () => {
      expect(await refused('user disable nobody')).toContain('there is no user nobody in the account admin');
      expect(await refused('account disable nothing')).toContain('there is no account nothing');
      expect(await refused('access-key create')).toContain('name the user by --user');
      expect(await refused('access-key create --user=')).toContain('--user is empty');
      expect(await refused('user create a/b')).toContain('name must be 1 to 64 characters');
      expect(await refused('user create short', { BERTH_NEW_PASSWORD: 'short' })).toContain('8 to 4096 characters');
      const port = await freePort();
      const key = { BERTH_SECRET_KEY: 'x'.repeat(32) };
      expect(await refused(`user list --url http://127.0.0.1:${port}`, key)).toContain('not answer (ECONNREFUSED)');
      expect(await refused('user list --url 127.0.0.1:5000')).toContain('--url must be http:// or https://');
      expect(await refused('user list --login /ann', { BERTH_PASSWORD: PASSWORD })).toContain('ACCOUNT/USER');
      expect(await refused('user list', { BERTH_NONSENSE: '1' })).toContain('BERTH_NONSENSE');
    });

    it('gives no other registry a token of the key in the folder', async () => {
      let asked = 0;
      const other = createServer((_, response) => response.end(String(++asked))).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      const sentence = `berth: ${url} is not the registry of ${data}: set its BERTH_SECRET_KEY, or log in with --login\n`;
      expect(await refused(`user list --url ${url}`)).toBe(sentence);
      expect(await refused('user list', { BERTH_URL: url })).toBe(sentence);
      expect(asked).toBe(0);
      other.close();
      expect(await run(['user', 'list', '--url', address()])).toMatchObject({ code: 0, stderr: '' });
    });

    it('takes no user and no account but of the name that was meant, whatever a filter gives', async () => {
      const key = readFileSync(join(data, 'secret.key'), 'utf8').trim();
      const client = new IamClient(address(), () => signOperatorToken(key, 'berth'), new AbortController().signal);
      const directory = new Directory({ client, user: null, close: async () => undefined });
      await expect(directory.user('', undefined)).rejects.toThrow('there is no user  in the account admin');
      await expect(directory.wholeAccount('')).rejects.toThrow('there is no account ');
      await expect(directory.wholeAccount('admin')).resolves.toMatchObject({ name: 'admin' });
    });

    it('shows the key that a rotation has made where the one before cannot be disabled', async () => {
      const old = await json('access-key create --user admin');
      const proxy = createServer((request, response) => {
        if (request.method === 'PUT')
          return void response.writeHead(503).end('{"error":{"message":"come back later"}}');
        const { method, headers, url } = request;
        request.pipe(
          get(address() + url!, { method: method!, headers }, (answer) => {
            answer.pipe(response.writeHead(answer.statusCode!, answer.headers));
          }),
        );
      }).listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const env = { BERTH_URL: url, BERTH_SECRET_KEY: readFileSync(join(data, 'secret.key'), 'utf8').trim() };
      const rotated = await run(['access-key', 'rotate', old['access']!, '--user', 'admin', '--json'], env);
      proxy.close();
      const fresh = JSON.parse(rotated.stdout) as Fields;
      secrets.push(fresh['secret']!);
      expect(fresh).toMatchObject({ replaces: old['access'] });
      expect(rotated.code).toBe(1);
      expect(rotated.stderr).toBe(
        `berth: ${fresh['access']} is made, and ${old['access']} is not disabled: come back later\n`,
      );
      expect([await keyStatus(old), await keyStatus(fresh)]).toEqual([200, 200]);
    });

    it('says that whoever uses a folder does not answer', async () => {
      const silent = join(temp.path, 'silent');
      mkdirSync(silent);
      for (const file of ['berth.pid', 'secret.key']) copyFileSync(join(data, file), join(silent, file));
      writeFileSync(join(silent, 'address'), `http://127.0.0.1:${await freePort()}\n`);
      expect(await refused('user list', { BERTH_DATA_DIR: silent })).toContain('does not answer');
    });

    it('shows its help on standard output', async () => {
      const { code, stdout } = await run(['access-key', 'create', '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain('--user NAME');
    });

    it('has no secret in the log of the registry', () => {
      expect(log).toContain('/v3/users');
      expect(secrets.length).toBeGreaterThan(8);
      for (const secret of [...secrets, readFileSync(join(data, 'secret.key'), 'utf8').trim()]) {
        expect(log).not.toContain(secret);
      }
      // A token begins so: the header of a JWT.
      expect(log).not.toMatch(/eyJ[A-Za-z0-9_-]+\.eyJ/);
    });
  });

  describe('against a folder that nothing runs on', () => {
    let key: Fields;

    it('starts the registry for the command alone, and leaves the folder as it was', async () => {
      await stopRegistry();
      key = await json('access-key create --user admin');
      expect(existsSync(join(data, 'berth.pid'))).toBe(false);
      expect(existsSync(join(data, 'address'))).toBe(false);
      expect(existsSync(join(data, 'postgres/postmaster.pid'))).toBe(false);
      expect(await refused('user disable nobody')).toContain('there is no user nobody');
      expect(existsSync(join(data, 'berth.pid'))).toBe(false);
    });

    /** What a statement gives, in the database of the folder. */
    async function rowsOf(statement: string): Promise<unknown[]> {
      const postgres = await EmbeddedPostgres.start(join(data, 'postgres'));
      const database = new Client({ connectionString: postgres.url });
      await database.connect();
      try {
        return (await database.query<Record<string, unknown>>(statement)).rows;
      } finally {
        await database.end();
        await postgres.stop();
      }
    }

    it('collects and removes nothing meanwhile', async () => {
      await rowsOf(`INSERT INTO registry.object_deletion (object_key, size, not_before) VALUES ('due', 1, now())`);
      for (let n = 0; n < 3; n++) await json('account create due-' + n);
      expect(await rowsOf('DELETE FROM registry.object_deletion RETURNING object_key, attempts')).toEqual([
        { object_key: 'due', attempts: 0 },
      ]);
    });

    it('starts nothing on a database that is not of the folder', async () => {
      const postgres = await EmbeddedPostgres.start(join(data, 'postgres'));
      const elsewhere = join(temp.path, 'elsewhere');
      const env = { BERTH_DATABASE_URL: postgres.url, BERTH_DATA_DIR: elsewhere };
      const outcome = await run(['user', 'list'], env).finally(() => postgres.stop());
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toMatch(/^berth: BERTH_DATABASE_URL is set, .* name it by --url or BERTH_URL\n$/);
      expect(existsSync(elsewhere)).toBe(false);
    });

    it('is ended by a Ctrl-C at any time of its start, and leaves nothing running', async () => {
      const lock = join(data, 'postgres/postmaster.pid');
      const child = spawn(BERTH, ['user', 'list'], {
        ...{ env: { PATH: process.env['PATH'], BERTH_DATA_DIR: data }, stdio: 'ignore', detached: true },
      });
      const ended = once(child, 'exit');
      const pid = () => existsSync(lock) && Number(readFileSync(lock, 'utf8').split('\n')[0]);
      const postgres = (await eventually(pid, { what: 'PostgreSQL starts', within: 60_000 })) as number;
      // As a terminal does: to the launcher, which hands it on, and to the command.
      process.kill(-child.pid!, 'SIGINT');
      expect(await ended).toEqual([130, null]);
      expect(processExists(postgres)).toBe(false);
      for (const file of ['berth.pid', 'address', 'postgres/postmaster.pid']) {
        expect({ file, exists: existsSync(join(data, file)) }).toEqual({ file, exists: false });
      }
    });

    it('says in one sentence why PostgreSQL does not start', async () => {
      const folder = join(data, 'postgres');
      const { mode } = statSync(folder);
      chmodSync(folder, 0o777);
      const { stderr } = await run(['user', 'list']).finally(() => chmodSync(folder, mode));
      expect(stderr).toMatch(
        /^berth: PostgreSQL ended with status 1: data directory "\S+" has invalid permissions: .+\n$/,
      );
      expect(existsSync(join(data, 'berth.pid'))).toBe(false);
    });

    it('lets commands that come at once follow each other', async () => {
      const made = await Promise.all([1, 2, 3].map((n) => json(`project create at-once-${n}`)));
      expect(made.map(({ project }) => project)).toEqual(['at-once-1', 'at-once-2', 'at-once-3']);
      expect(existsSync(join(data, 'berth.pid'))).toBe(false);
    });

    it('keeps what was made for the next start', async () => {
      await startRegistry();
      expect(await keyStatus(key)).toBe(200);
      (await exchange({ method: 'GET', url: `${address()}/v2/` })).expect(401);
    });

    it('makes no registry where there is none', async () => {
      const none = join(temp.path, 'none');
      expect(await refused('user list', { BERTH_DATA_DIR: none })).toContain('there is no registry in');
      expect(existsSync(none)).toBe(false);
    });
  });
});
