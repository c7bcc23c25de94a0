import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  Docker,
  dockerClients,
  exchange,
  findDockerd,
  firstReason,
  type HttpAnswer,
  requireOrSkip,
  startDockerd,
  tarArchive,
  tempFolder,
  type TempFolder,
  type TestDockerd,
} from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const client = dockerClients().find(({ found }) => found.path !== null) ?? dockerClients()[0]!;
const reason = isForeignRegistry()
  ? 'E2E_REGISTRY may have no management API'
  : (reasonAgainst(mode) ?? firstReason(findDockerd(), client.found));

interface Login {
  user: string;
  password: string;
}

requireOrSkip(`docker logins against ${mode}`, reason)(`docker logins (${mode})`, () => {
  let stack: Stack;
  let engine: TestDockerd;
  let folder: TempFolder;
  let token: string;
  beforeAll(async () => {
    stack = await startStack();
    engine = await startDockerd({ insecureRegistry: stack.host });
    folder = tempFolder('bdl');
    const { user: name, password } = stack.credentials!;
    const identity = { methods: ['password'], password: { user: { name, password, domain: { name: 'admin' } } } };
    token = (await post('/v3/auth/tokens', { auth: { identity } })).expect(201).header('x-subject-token')!;
  });
  afterAll(async () => {
    folder?.remove();
    await engine?.stop();
    await stack?.stop();
  });

  const post = (path: string, body?: object): Promise<HttpAnswer> =>
    exchange({
      method: 'POST',
      url: stack.base + path,
      headers: { 'content-type': 'application/json', ...(token && { 'x-auth-token': token }) },
      ...(body && { body: JSON.stringify(body) }),
    });

  /** A docker that has never logged in. */
  function docker(name: string): Docker & { configFile: string } {
    const configuration = join(folder.path, name);
    mkdirSync(configuration);
    const configFile = join(configuration, 'config.json');
    return Object.assign(new Docker(engine, client.found.path!, stack.host, configuration), { configFile });
  }

  /** The repository is of this login alone. */
  async function pushesAndPulls(by: Docker, repository: string): Promise<void> {
    const name = `e2e/${repository}:v1`;
    await by.importTar(tarArchive([{ path: 'hello', content: repository }]), name);
    const digest = await by.push(name);
    await by.removeImage(name);
    expect(await by.pull(name)).toBe(digest);
    await by.removeImage(name);
  }

  async function permanentLogin(): Promise<Login> {
    const made = await post('/v3.0/OS-CREDENTIAL/credentials', { credential: { description: 'e2e' } });
    const { access, secret } = made.expect(201).json<{ credential: { access: string; secret: string } }>().credential;
    return { user: `local@${access}`, password: createHmac('sha256', secret).update(access).digest('hex') };
  }

  async function temporaryLogin() {
    const answer = (await post('/v2/manage/utils/secret?projectname=local&duration_seconds=900')).expect(200);
    return { command: answer.header('x-swr-dockerlogin')!, body: answer.json<{ auths: Record<string, object> }>() };
  }

  it('log in with a user and its password', async () => {
    const by = docker('password');
    expect((await by.login(stack.credentials!.user, stack.credentials!.password)).stdout).toContain('Login Succeeded');
    await pushesAndPulls(by, 'password');
  });

  it('log in with a permanent access key, and not with another one’s', async () => {
    const by = docker('permanent');
    const [login, other] = [await permanentLogin(), await permanentLogin()];
    const wrong = await by.try(['login', '-u', login.user, '--password-stdin', stack.host], other.password);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toMatch(/unauthorized/i);
    expect((await by.login(login.user, login.password)).stdout).toContain('Login Succeeded');
    await pushesAndPulls(by, 'permanent');
  });

  it('log in with the command of a temporary login, and keep nothing that would outlive it', async () => {
    const by = docker('temporary');
    const [program, ...args] = (await temporaryLogin()).command.split(' ');
    expect(program).toBe('docker');
    expect((await by.run(args)).stdout).toContain('Login Succeeded');
    expect(readFileSync(by.configFile, 'utf8')).not.toContain('identitytoken');
    await pushesAndPulls(by, 'temporary');
  });

  it('are made without docker by writing the answer of a temporary login into config.json', async () => {
    const pusher = docker('pusher');
    await pusher.login(stack.credentials!.user, stack.credentials!.password);
    const name = 'e2e/written:v1';
    await pusher.importTar(tarArchive([{ path: 'hello', content: 'written' }]), name);
    const digest = await pusher.push(name);
    await pusher.removeImage(name);

    const stranger = await docker('stranger').try(['pull', `${stack.host}/${name}`]);
    expect(stranger.code).not.toBe(0);
    const by = docker('written');
    writeFileSync(by.configFile, JSON.stringify((await temporaryLogin()).body));
    expect(await by.pull(name)).toBe(digest);
    await pushesAndPulls(by, 'written-too');
  });

  it('are refused where they are not ours', async () => {
    const by = docker('forged');
    const forged = {
      auths: { [stack.host]: { auth: Buffer.from(`local@${'A'.repeat(20)}:${'0'.repeat(64)}`).toString('base64') } },
    };
    writeFileSync(by.configFile, JSON.stringify(forged));
    const { code, stderr } = await by.try(['pull', `${stack.host}/e2e/written:v1`]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/unauthorized|denied|wrong user name/i);
  });
});
