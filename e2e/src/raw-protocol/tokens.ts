import {
  anImage,
  basic,
  claimsOf,
  exchange,
  parseChallenge,
  RegistryClient,
  requestToken,
  type Challenge,
} from '@berth/testing';

import type { Stack } from '../stack.js';

/** The token flow of Docker's registries; see registry-protocol.md, section 2. */
export function describeTokens(stack: () => Stack): void {
  const admin = () => stack().credentials!;
  const challengeAt = async (path: string, method = 'GET'): Promise<Challenge> => {
    const answer = (await exchange({ method, url: `${stack().base}${path}` })).expect(401);
    return parseChallenge(answer.header('www-authenticate'))!;
  };
  const realm = async () => (await challengeAt('/v2/')).realm;
  const service = async () => (await challengeAt('/v2/')).service;

  describe('the challenge', () => {
    it('names realm and service at /v2/, in a way that old clients understand', async () => {
      const answer = (await exchange({ method: 'GET', url: `${stack().base}/v2/` })).expect(401);
      expect(answer.header('docker-distribution-api-version')).toBe('registry/2.0');
      expect(answer.codes).toEqual(['UNAUTHORIZED']);
      const challenge = parseChallenge(answer.header('www-authenticate'))!;
      expect(challenge.scheme).toBe('Bearer');
      expect(challenge.realm).toMatch(/^https?:\/\//);
      expect(challenge.service).toBeTruthy();
    });

    it.each([
      ['GET', '/v2/raw/secret/manifests/v1', 'pull'],
      ['HEAD', '/v2/raw/secret/manifests/v1', 'pull'],
      ['GET', '/v2/raw/secret/tags/list', 'pull'],
      ['POST', '/v2/raw/secret/blobs/uploads/', 'pull,push'],
      ['PATCH', '/v2/raw/secret/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301', 'pull,push'],
      ['GET', '/v2/raw/secret/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301', 'pull,push'],
      ['PUT', '/v2/raw/secret/manifests/v1', 'pull,push'],
    ])('names the scope that %s %s needs', async (method, path, actions) => {
      expect((await challengeAt(path, method)).scope).toBe(`repository:raw/secret:${actions}`);
    });

    it('names two scopes where a blob is to be mounted, and one for the catalog', async () => {
      const mount = `mount=sha256:${'0'.repeat(64)}`;
      const path = '/v2/raw/secret/blobs/uploads/';
      const two = 'repository:raw/secret:pull,push repository:raw/source:pull';
      expect((await challengeAt(`${path}?${mount}&from=raw/source`, 'POST')).scope).toBe(two);
      expect((await challengeAt(`${path}?${mount}`, 'POST')).scope).toBe('repository:raw/secret:pull,push');
      expect((await challengeAt('/v2/_catalog')).scope).toBe('registry:catalog:*');
      expect((await challengeAt('/v2/_catalog', 'HEAD')).scope).toBe('registry:catalog:*');
    });

    it('asks for a right to delete where something is deleted', async () => {
      expect((await challengeAt('/v2/raw/secret/manifests/v1', 'DELETE')).scope).toMatch(
        /^repository:raw\/secret:.*delete/,
      );
    });
  });

  describe('the token endpoint', () => {
    it('gives a short-lived signed token with what was asked and is allowed', async () => {
      const scopes = ['repository:raw/secret:pull,push'];
      const answer = await requestToken({
        realm: await realm(),
        service: await service(),
        scopes,
        credentials: admin(),
      });
      const body = answer
        .expect(200)
        .json<{ token: string; access_token: string; expires_in: number; issued_at: string }>();
      expect(body.access_token).toBe(body.token);
      expect(body.expires_in).toBeGreaterThanOrEqual(60);
      expect(new Date(body.issued_at).getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
      const header = JSON.parse(Buffer.from(body.token.split('.')[0]!, 'base64url').toString()) as { alg: string };
      expect(header.alg).toMatch(/^(RS|ES|Ed)/);
      const [access] = claimsOf(body.token).access!;
      expect(access).toMatchObject({ name: 'raw/secret' });
      expect([...access!.actions].sort()).toEqual(['pull', 'push']);
    });

    it('takes several scopes, repeated and in one field', async () => {
      const scopes = ['repository:raw/one:pull repository:raw/two:pull', 'repository:raw/three:pull'];
      const answer = await requestToken({
        realm: await realm(),
        service: await service(),
        scopes,
        credentials: admin(),
      });
      const { access } = claimsOf(answer.expect(200).json<{ token: string }>().token);
      expect(access!.map(({ name }) => name).sort()).toEqual(['raw/one', 'raw/three', 'raw/two']);
    });

    it.each(['wrong', ''])('refuses the password "%s"', async (password) => {
      const credentials = { user: admin().user, password };
      const answer = await requestToken({ realm: await realm(), service: await service(), credentials });
      expect(answer.status).toBe(401);
    });

    it('refuses a user that is not there in the same words', async () => {
      const [unknown, wrong] = await Promise.all(
        [
          { user: 'nobody-here', password: 'wrong' },
          { user: admin().user, password: 'wrong' },
        ].map(async (credentials) => requestToken({ realm: await realm(), service: await service(), credentials })),
      );
      expect(unknown!.status).toBe(401);
      expect(unknown!.codes).toEqual(wrong!.codes);
    });

    it('gives a stranger a token without rights on what is private', async () => {
      await stack().client().push('raw/secret', anImage(), 'v1');
      const scopes = ['repository:raw/secret:pull,push'];
      const answer = await requestToken({ realm: await realm(), service: await service(), scopes });
      const { token } = answer.expect(200).json<{ token: string }>();
      expect((claimsOf(token).access ?? []).flatMap(({ actions }) => actions)).toEqual([]);
      const stranger = new RegistryClient(stack().base);
      expect([401, 403]).toContain((await stranger.getManifest('raw/secret', 'v1')).status);
      expect([401, 403]).toContain((await stranger.postUpload('raw/secret')).status);
    });

    it.each(['nonsense', 'repository:Bad Name:pull', 'repository:a/b', ':::', 'planet:earth:orbit'])(
      'does not fall over the scope %s',
      async (scope) => {
        const request = { realm: await realm(), service: await service(), scopes: [scope], credentials: admin() };
        (await requestToken(request)).expect(200, 400);
      },
    );
  });

  it('is at /auth/token, by the challenge', async () => {
    expect(await realm()).toBe(`${stack().base}/auth/token`);
  });

  describe.each(['/auth/token', '/auth/token/', '/swr/auth/v2/registry/auth'])('the form at %s', (path) => {
    const endpoint = async () => `${stack().base}${path}`;
    const form = async (fields: Record<string, string>) =>
      exchange({
        method: 'POST',
        url: await endpoint(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ service: (await service())!, client_id: 'e2e', ...fields }).toString(),
      });
    const password = () => ({ grant_type: 'password', username: admin().user, password: admin().password });
    const offline = async () =>
      (await form({ ...password(), access_type: 'offline' })).expect(200).json<{ refresh_token: string }>();
    const scope = 'repository:raw/secret:pull repository:raw/one:pull,push';

    it('gives a token for a password, and says what it allows', async () => {
      const answer = (await form({ ...password(), scope })).expect(200);
      const body = answer.json<Record<string, string | number>>();
      expect(body).toMatchObject({ scope, token_type: 'Bearer' });
      expect(body).not.toHaveProperty('refresh_token');
      expect(body.expires_in).toBeGreaterThanOrEqual(60);
      expect(claimsOf(String(body.access_token)).access).toHaveLength(2);
      const token = `Bearer ${body.access_token}`;
      (await stack().client().postUpload('raw/one', { token })).expect(202);
      expect(answer.header('cache-control')).toBe('no-store');
    });

    it('gives a refresh token where that is asked for, and tokens for it', async () => {
      const { refresh_token: refreshToken } = await offline();
      const answer = await form({ grant_type: 'refresh_token', refresh_token: refreshToken, scope });
      const body = answer.expect(200).json<Record<string, string>>();
      expect(body).toMatchObject({ scope, refresh_token: refreshToken });
      (
        await stack()
          .client()
          .postUpload('raw/one', { token: `Bearer ${body.access_token}` })
      ).expect(202);
    });

    it('takes a refresh token that GET gave', async () => {
      const url = new URL(await endpoint());
      url.searchParams.set('offline_token', 'true');
      const asUser = { authorization: basic(admin()) };
      const given = await exchange({ method: 'GET', url: url.href, headers: asUser });
      const { refresh_token: refreshToken } = given.expect(200).json<{ refresh_token: string }>();
      (await form({ grant_type: 'refresh_token', refresh_token: refreshToken })).expect(200);
      const anonymous = await exchange({ method: 'GET', url: url.href });
      expect(anonymous.expect(200).json()).not.toHaveProperty('refresh_token');
    });

    it('takes a refresh token for no bearer token, nor the other way round', async () => {
      const { refresh_token: refreshToken } = await offline();
      const used = await stack()
        .client()
        .ping({ token: `Bearer ${refreshToken}` });
      expect(parseChallenge(used.expect(401).header('www-authenticate'))?.error).toBe('invalid_token');
      const bearer = (await form(password())).expect(200).json<{ access_token: string }>().access_token;
      const refused = (await form({ grant_type: 'refresh_token', refresh_token: bearer })).expect(401);
      expect([refused.codes, refused.json()]).toEqual([
        ['UNAUTHORIZED'],
        expect.objectContaining({ error: 'invalid_grant' }),
      ]);
    });

    it.each<[string, Record<string, string>, number, string]>([
      ['a wrong password', { grant_type: 'password', username: 'admin', password: 'wrong' }, 401, 'invalid_grant'],
      ['an unknown user', { grant_type: 'password', username: 'nobody-here', password: 'x' }, 401, 'invalid_grant'],
      ['a forged refresh token', { grant_type: 'refresh_token', refresh_token: 'a.b.c' }, 401, 'invalid_grant'],
      ['another grant', { grant_type: 'client_credentials' }, 400, 'unsupported_grant_type'],
      ['no password', { grant_type: 'password', username: 'admin' }, 400, 'invalid_request'],
      ['no refresh token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
      ['no client', { grant_type: 'password', client_id: '', username: 'a', password: 'b' }, 400, 'invalid_request'],
    ])('refuses %s', async (_what, fields, status, error) => {
      const answer = (await form(fields)).expect(status);
      expect(answer.json()).toMatchObject({ error });
      expect(answer.codes).toHaveLength(1);
      if (status === 401) expect(answer.header('www-authenticate')).toMatch(/^Basic realm="/);
    });

    it('refuses a form that is too large', async () => {
      (await form({ ...password(), more: 'x'.repeat(70_000) })).expect(413);
    });
  });

  it('serves a script that puts the values of the challenge into the URL as they are', async () => {
    await stack().client().push('rawscript', anImage(), 'v1');
    const asked = await challengeAt('/v2/rawscript/manifests/v1');
    const url = `${asked.realm}?service=${asked.service}&scope=${asked.scope}`;
    const answer = await exchange({ method: 'GET', url, headers: { authorization: basic(admin()) } });
    const { token } = answer.expect(200).json<{ token: string }>();
    (
      await stack()
        .client()
        .getManifest('rawscript', 'v1', { token: `Bearer ${token}` })
    ).expect(200);
  });

  describe('Basic credentials', () => {
    const ask = (method: string, path: string, authorization = basic(admin())) =>
      exchange({ method, url: `${stack().base}/v2/${path}`, headers: { authorization } });

    it('are taken on every route', async () => {
      const image = anImage();
      await stack().client().push('raw/basic', image, 'v1');
      const [layer] = image.layers;
      (await ask('GET', '')).expect(200);
      (await ask('GET', '_catalog')).expect(200);
      (await ask('GET', 'raw/basic/tags/list')).expect(200);
      (await ask('GET', 'raw/basic/manifests/v1')).expect(200);
      (await ask('HEAD', `raw/basic/blobs/${layer!.digest}`)).expect(200);
      const upload = (await ask('POST', 'raw/basic/blobs/uploads/')).expect(202).header('location')!;
      const session = new URL(upload, stack().base).pathname.replace('/v2/', '');
      (await ask('PATCH', session)).expect(202);
      (await ask('GET', session)).expect(204);
      (await ask('DELETE', session)).expect(204);
      (await ask('DELETE', 'raw/basic/manifests/v1')).expect(202);
    });

    it.each([
      ['wrong', () => basic({ user: admin().user, password: 'wrong' })],
      ['of nobody', () => basic({ user: 'nobody-here', password: 'x' })],
      ['without a colon', () => `Basic ${Buffer.from('admin').toString('base64')}`],
      ['no base64', () => 'Basic !!!'],
    ])('that are %s are answered with the challenge for a token', async (_what, authorization) => {
      const answer = (await ask('GET', 'raw/basic/tags/list', authorization())).expect(401);
      expect(answer.codes).toEqual(['UNAUTHORIZED']);
      expect(parseChallenge(answer.header('www-authenticate'))).toMatchObject({
        scheme: 'Bearer',
        scope: 'repository:raw/basic:pull',
      });
    });
  });

  describe('the check of a token', () => {
    const tokenFor = async (scope: string) => (await stack().client().tokenFor([scope]))!;

    it('refuses what the token was not given for', async () => {
      const token = await tokenFor('repository:raw/secret:pull');
      const answer = await stack().client().postUpload('raw/secret', { token });
      answer.expect(401, 403);
      expect(['UNAUTHORIZED', 'DENIED']).toContain(answer.codes[0]);
      const elsewhere = await stack().client().getManifest('raw/elsewhere', 'v1', { token });
      elsewhere.expect(401, 403);
    });

    it.each([
      ['is no token', () => 'nonsense'],
      ['has another signature', (token: string) => `${token.slice(0, -8)}AAAAAAAA`],
      ['has another body', (token: string) => withBody(token, { sub: 'root' })],
      ['is not signed at all', (token: string) => unsigned(token)],
    ])('refuses a token that %s', async (_what, change) => {
      const scope = 'repository:raw/secret:pull';
      const good = (await tokenFor(scope)).replace('Bearer ', '');
      const answer = await stack()
        .client()
        .getManifest('raw/secret', 'v1', { token: `Bearer ${change(good)}` });
      expect(answer.expect(401).codes).toEqual(['UNAUTHORIZED']);
      expect(parseChallenge(answer.header('www-authenticate'))?.scope).toBe(scope);
    });

    it('takes a token that may pull for nothing that writes, and asks for one that may', async () => {
      const token = await tokenFor('repository:raw/secret:pull');
      const digest = `sha256:${'0'.repeat(64)}`;
      for (const [method, rest] of [
        ['POST', 'blobs/uploads/'],
        ['PUT', 'manifests/v2'],
        ['PATCH', 'blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
        ['DELETE', 'manifests/v1'],
        ['DELETE', `blobs/${digest}`],
      ] as const) {
        const answer = await stack().client().inRepository(method, 'raw/secret', rest, { token });
        const challenge = parseChallenge(answer.expect(401).header('www-authenticate'));
        expect([method, rest, challenge?.error]).toEqual([method, rest, 'insufficient_scope']);
      }
      (await stack().client().getManifest('raw/secret', 'v1', { token })).expect(200);
    });

    it('lets anonymous try again as a user, with HEAD too', async () => {
      const scopes = ['repository:raw/secret:pull,push'];
      const anonymous = await requestToken({ realm: await realm(), service: await service(), scopes });
      const token = `Bearer ${anonymous.json<{ token: string }>().token}`;
      for (const method of ['GET', 'HEAD']) {
        const answer = await stack().client().inRepository(method, 'raw/secret', 'manifests/v1', { token });
        expect(parseChallenge(answer.expect(401).header('www-authenticate'))?.error).toBe('insufficient_scope');
        expect(answer.codes).toEqual(method === 'HEAD' ? [] : ['UNAUTHORIZED']);
      }
    });

    it.each(['Bearer', 'Basic', 'Basic !!!', 'Digest x'])('refuses the header "%s"', async (token) => {
      (await stack().client().getManifest('raw/secret', 'v1', { token })).expect(400, 401);
    });
  });
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function withBody(token: string, change: object): string {
  const [header, , signature] = token.split('.');
  return [header, encode({ ...claimsOf(token), ...change }), signature].join('.');
}

function unsigned(token: string): string {
  return [encode({ alg: 'none', typ: 'JWT' }), token.split('.')[1], ''].join('.');
}
