import { anImage, eventually, type HttpAnswer } from '@berth/testing';
import { codeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

const IMAGE = anImage();
const ORGANISATION = 'namespaces/team/untagged-policy';
const REPOSITORY = 'namespaces/team/repos/tools$app/untagged-policy';

/** Over real HTTP, with real rows, and gc-worker at work. */
describe('the policy for untagged manifests', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let bob: ManagementClient;

  beforeAll(async () => {
    whole = await startWholeRegistry();
    admin = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...ADMIN });
    bob = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...BOB });
    await whole.admin.push('team/tools/app', IMAGE, 'v1');
  });
  afterAll(() => whole?.stop());

  const shown = async (path: string): Promise<unknown> => (await admin.get(path)).expect(200).json();
  const refusal = (answer: HttpAnswer) => `${answer.status} ${codeOf(answer)}`;

  it('is inherited, set, and taken away again', async () => {
    const keep = { keep: true };
    expect(await shown(REPOSITORY)).toEqual({ own: null, effective: keep, from: 'installation' });
    const age = { keep: false, after_seconds: 3_600 };
    const set = await admin.ask('PUT', ORGANISATION, { after_seconds: 3_600 });
    expect(set.expect(200).json()).toEqual({ own: age, effective: age, from: 'organisation' });
    expect(await shown(REPOSITORY)).toEqual({ own: null, effective: age, from: 'organisation' });
    (await admin.ask('PUT', REPOSITORY, keep)).expect(200);
    expect(await shown(REPOSITORY)).toEqual({ own: keep, effective: keep, from: 'repository' });
    for (const path of [REPOSITORY, ORGANISATION, ORGANISATION]) (await admin.ask('DELETE', path)).expect(204);
    expect(await shown(REPOSITORY)).toEqual({ own: null, effective: keep, from: 'installation' });
  });

  it.each([
    ['neither', {}, '4001014'],
    ['both', { keep: true, after_seconds: 5 }, '4001014'],
    ['not to keep', { keep: false }, '4001014'],
    ['a negative age', { after_seconds: -1 }, '4000014'],
    ['an age beyond ten years', { after_seconds: 315_360_001 }, '4000014'],
    ['part of a second', { after_seconds: 1.5 }, '4000014'],
    ['a text', { after_seconds: '5' }, '4000014'],
    ['a list', [], '4001018'],
  ])('refuses %s, and stays as it is', async (_what, body, code) => {
    for (const path of [ORGANISATION, REPOSITORY]) {
      expect(refusal(await admin.ask('PUT', path, body))).toBe(`400 SVCSTG.SWR.${code}`);
      expect(await shown(path)).toMatchObject({ own: null });
    }
  });

  it('is read by who may read, and set by who may manage', async () => {
    (await bob.get(REPOSITORY)).expect(200);
    for (const method of ['PUT', 'DELETE']) {
      expect(refusal(await bob.ask(method, REPOSITORY, { keep: true }))).toBe('403 SVCSTG.SWR.4037020');
      expect(refusal(await bob.ask(method, ORGANISATION, { keep: true }))).toBe('403 SVCSTG.SWR.4037017');
    }
    expect(refusal(await admin.get('namespaces/nobody/untagged-policy'))).toBe('404 SVCSTG.SWR.4040058');
    expect(refusal(await admin.get('namespaces/team/repos/none/untagged-policy'))).toBe('404 SVCSTG.SWR.4040010');
  });

  it('collects an image that lost its tag, and leaves the other', async () => {
    const other = anImage();
    const { digest } = other.manifest;
    await whole.admin.push('team/tools/app', other, 'old');
    (await admin.ask('DELETE', 'namespaces/team/repos/tools$app/tags/old')).expect(204);
    expect((await whole.admin.getManifest('team/tools/app', digest)).status).toBe(200);
    (await admin.ask('PUT', REPOSITORY, { after_seconds: 0 })).expect(200);
    await eventually(async () => (await whole.admin.getManifest('team/tools/app', digest)).status === 404, {
      what: 'the image is gone',
    });
    expect((await whole.admin.getManifest('team/tools/app', 'v1')).status).toBe(200);
  });

  it.each(['HEAD', 'GET'])('is held off by a %s of somebody who may push, and of nobody else', async (method) => {
    const other = anImage();
    const { digest } = other.manifest;
    // So that it is not collected meanwhile.
    (await admin.ask('PUT', REPOSITORY, { keep: true })).expect(200);
    await whole.admin.push('team/tools/app', other, digest);
    const { manifest } = whole.registry.host.database!.prisma;
    const past = new Date(0);
    await manifest.updateMany({ where: { digest }, data: { reviewAfter: past } });
    const ask = (actions: string) =>
      whole.admin.call(method, `/v2/team/tools/app/manifests/${digest}`, [`repository:team/tools/app:${actions}`]);
    const review = async () => (await manifest.findFirstOrThrow({ where: { digest } })).reviewAfter;
    (await ask('pull')).expect(200);
    expect([null, past]).toContainEqual(await review());
    (await ask('pull,push')).expect(200);
    expect((await review())!.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  });
});
