import type { Actor } from '@berth/contracts';
import { loadSettings } from '@berth/platform';
import type { FastifyReply } from 'fastify';
import { PublicUrl } from '../http/public-url.js';
import { RecordedReply } from '../testing/recorded-reply.js';
import { AcceleratorRoutes } from './accelerator.routes.js';

const ACTOR: Actor = {
  userId: '6f1c1c1e-0000-4000-8000-000000000001',
  userName: 'dev',
  accountId: '6f1c1c1e-0000-4000-8000-000000000002',
  accountName: 'team',
  isAdministrator: false,
};

async function shown(env: Record<string, string>, host: string, account = ACTOR.accountId): Promise<unknown> {
  const settings = loadSettings(env);
  const reply = Object.assign(new RecordedReply(), { request: { raw: { headers: { host } } } });
  const request = {
    actor: ACTOR,
    organisationAuth: 0 as const,
    repositoryAuth: 0 as const,
    query: new URLSearchParams(),
    body: Buffer.alloc(0),
  };
  const routes = new AcceleratorRoutes(settings, new PublicUrl(settings));
  await routes.show({ ...request, reply: reply as unknown as FastifyReply }, { account });
  return reply.body;
}

describe(AcceleratorRoutes, () => {
  it.each([
    ['the host that was asked', {}, 'registry.example:80', 'registry.example:80'],
    ['the public one', { BERTH_PUBLIC_URL: 'https://berth.example:8443/' }, 'inside:5000', 'berth.example:8443'],
    ['no nonsense', {}, 'a b"c', 'localhost'],
  ])('are the registry itself, by %s', async (_which, env, host, mirror) => {
    expect(await shown(env, host)).toEqual({ dockerhub_accelerator: mirror, gcr_accelerator: mirror });
  });

  it('are those that the operator names', async () => {
    const env = { BERTH_DOCKERHUB_ACCELERATOR: 'mirror.example', BERTH_GCR_ACCELERATOR: '[2001:db8::1]:5001' };
    expect(await shown(env, 'registry.example')).toEqual({
      dockerhub_accelerator: 'mirror.example',
      gcr_accelerator: '[2001:db8::1]:5001',
    });
  });

  it.each(['http://mirror.example', 'mirror.example/path', 'a b', ''])('cannot be "%s"', (mirror) => {
    expect(() => loadSettings({ BERTH_GCR_ACCELERATOR: mirror || ' ' })).toThrow('BERTH_GCR_ACCELERATOR');
  });

  it('are of the own account, with hyphens or without', async () => {
    expect(await shown({}, 'h', ACTOR.accountId.replaceAll('-', ''))).toMatchObject({ gcr_accelerator: 'h' });
    for (const account of ['6f1c1c1e-0000-4000-8000-000000000003', 'nonsense']) {
      await expect(shown({}, 'h', account)).rejects.toMatchObject({ error: 'ACCOUNT_DENIED', status: 403 });
    }
  });
});
