import { findProgram, recordUse, requireOrSkip, tempFolder, type TempFolder, tryCommand } from '@berth/testing';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const curl = findProgram('curl');
const reason = isForeignRegistry() ? 'E2E_REGISTRY may have no management API' : (reasonAgainst(mode) ?? curl.reason);

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: unknown;
}

/** The management API as people type it, after the samples of the API reference. */
requireOrSkip(`curl and the management API against ${mode}`, reason)(`curl and the management API (${mode})`, () => {
  let stack: Stack;
  let folder: TempFolder;
  let token: string;
  beforeAll(async () => {
    stack = await startStack();
    folder = tempFolder('bcm');
    const { user, password } = stack.credentials!;
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: 'admin' } } } };
    const body = { auth: { identity, scope: { project: { name: 'local' } } } };
    // A file, as the samples have it: the password is in no list of processes.
    const file = join(folder.path, 'token.json');
    writeFileSync(file, JSON.stringify(body));
    const answer = await run(
      ['-X', 'POST', '-H', 'Content-Type: application/json', '-d', `@${file}`],
      '/v3/auth/tokens',
    );
    expect(answer.status).toBe(201);
    token = answer.headers.get('x-subject-token')!;
  });
  afterAll(async () => {
    folder?.remove();
    await stack?.stop();
  });

  async function run(args: string[], path: string): Promise<Answer> {
    const result = await tryCommand(curl.path!, ['-s', '-i', ...args, stack.base + path]);
    recordUse({ name: 'curl', file: curl.path! }, ['management'], result.code);
    if (result.code !== 0) throw new Error(`curl ended with ${result.code}: ${result.stderr}`);
    const [head = '', body = ''] = result.stdout.split('\r\n\r\n', 2);
    const [statusLine = '', ...lines] = head.split('\r\n');
    const headers = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]);
    return {
      status: Number(statusLine.split(' ')[1]),
      headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])),
      body: body === '' ? undefined : JSON.parse(body),
    };
  }
  const AUTHENTICATED = () => ['-H', 'Content-Type: application/json;charset=utf-8', '-H', `X-Auth-Token: ${token}`];
  const call = (method: string, path: string, body?: object) =>
    run(['-X', method, ...AUTHENTICATED(), ...(body ? ['-d', JSON.stringify(body)] : [])], path);

  it('makes, shows, lists and deletes an organisation', async () => {
    expect(await call('POST', '/v2/manage/namespaces', { namespace: 'group' })).toMatchObject({
      status: 201,
      body: {},
    });
    const shown = await call('GET', '/v2/manage/namespaces/group');
    expect(shown).toMatchObject({ status: 200, body: { name: 'group', creator_name: 'admin', auth: 7 } });
    const listed = await call('GET', '/v2/manage/namespaces');
    expect(listed).toMatchObject({ status: 200, body: { namespaces: [shown.body] } });
    expect((await call('DELETE', '/v2/manage/namespaces/group')).status).toBe(204);
    expect(await call('GET', '/v2/manage/namespaces/group')).toMatchObject({
      status: 404,
      body: { error_code: 'SVCSTG.SWR.4040058', errors: [{ errorCode: 'SVCSTG.SWR.4040058' }] },
    });
  });

  it('takes a filter as it is typed: raw, in quotes, and encoded', async () => {
    for (const namespace of ['filtered', 'left-out']) {
      expect((await call('POST', '/v2/manage/namespaces', { namespace })).status).toBe(201);
    }
    for (const filter of [
      'namespace::filtered|mode::visible',
      "'namespace::filtered|mode::visible'",
      '%27namespace::filtered|mode::visible%27',
      'namespace%3A%3Afiltered%7Cmode%3A%3Avisible',
    ]) {
      const answer = await call('GET', `/v2/manage/namespaces?filter=${filter}`);
      expect(answer).toMatchObject({ status: 200, body: { namespaces: [{ name: 'filtered' }] } });
    }
  });

  it('makes a temporary docker login', async () => {
    const { status, headers, body } = await call('POST', '/v2/manage/utils/secret?projectname=local');
    expect(status).toBe(200);
    const login = /^docker login -u (local@[A-Z0-9]{20}) -p ([0-9a-f]{64}) (\S+)$/.exec(
      headers.get('x-swr-dockerlogin')!,
    );
    const [, user, key, host] = login!;
    expect(host).toBe(stack.host);
    expect(body).toEqual({ auths: { [stack.host]: { auth: Buffer.from(`${user}:${key}`).toString('base64') } } });
    const answer = await run(['-u', `${user}:${key}`], '/auth/token?service=berth');
    expect(answer).toMatchObject({ status: 200, body: { token: expect.any(String) as string } });
  });

  it('finds the account, and with it the addresses of the accelerators', async () => {
    const domains = await call('GET', '/v3/auth/domains');
    const [{ id }] = (domains.body as { domains: [{ id: string }] }).domains;
    const answer = await call('GET', `/v2/manage/domain/${id}/accelerator`);
    const both = { dockerhub_accelerator: stack.host, gcr_accelerator: stack.host };
    expect(answer).toMatchObject({ status: 200, body: both });
    expect((await call('GET', `/v2/manage/domain/${'0'.repeat(32)}/accelerator`)).status).toBe(403);
  });

  it('is refused without a token, and with a wrong one', async () => {
    expect((await run([], '/v2/manage/namespaces')).status).toBe(401);
    const wrong = await run(['-H', 'X-Auth-Token: wrong'], '/v2/manage/namespaces');
    expect(wrong).toMatchObject({ status: 401, body: { error_code: 'SVCSTG.SWR.4010000' } });
  });
});
