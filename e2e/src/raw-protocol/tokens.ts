import {
  anImage,
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
      ['PUT', '/v2/raw/secret/manifests/v1', 'pull,push'],
    ])('names the scope that %s %s needs', async (method, path, actions) => {
      expect((await challengeAt(path, method)).scope).toBe(`repository:raw/secret:${actions}`);
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
