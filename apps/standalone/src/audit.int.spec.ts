import { anImage, type HttpAnswer } from '@berth/testing';
import { codeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(120_000);

const REPOSITORY = 'team/tools/app';
const [FIRST, SECOND] = [anImage(), anImage()];

interface AuditRecords {
  records: { action: string; resource: string; detail: Record<string, unknown>; user_id: string; request_id: string }[];
  next: string | null;
}

/** Over real HTTP, with real rows. */
describe('the audit record', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let bob: ManagementClient;

  beforeAll(async () => {
    whole = await startWholeRegistry();
    admin = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...ADMIN });
    bob = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...BOB });
  });
  afterAll(() => whole?.stop());

  const list = async (query = '', path = 'namespaces/team/audit') =>
    (await admin.get(`${path}?${query}`)).expect(200).json<AuditRecords>();
  const refusal = (answer: HttpAnswer) => `${answer.status} ${codeOf(answer)}`;

  it('has what is pushed, moved and deleted: by whom, from where, with what, and for which request', async () => {
    await whole.bob.push(REPOSITORY, FIRST, 'v1');
    await whole.bob.push(REPOSITORY, SECOND, 'v1');
    (await whole.admin.deleteManifest(REPOSITORY, SECOND.manifest.digest)).expect(202);
    const { records, next } = await list();
    expect(next).toBeNull();
    const [first, second] = [FIRST.manifest.digest, SECOND.manifest.digest];
    expect(records.map(({ action, resource }) => `${action} ${resource}`)).toEqual(
      expect.arrayContaining([
        `repository.create ${REPOSITORY}`,
        `manifest.push ${REPOSITORY}@${first}`,
        `manifest.push ${REPOSITORY}@${second}`,
        `manifest.delete ${REPOSITORY}@${second}`,
        `tag.create ${REPOSITORY}:v1`,
        `tag.move ${REPOSITORY}:v1`,
        `tag.delete ${REPOSITORY}:v1`,
      ]),
    );
    expect(records.find(({ action }) => action === 'tag.move')).toMatchObject({
      ...{ organisation: 'team', detail: { before: first, digest: second } },
      ...{ user_name: BOB.user, account_name: 'admin', credential: 'password', address: '127.0.0.1' },
      request_id: expect.stringMatching(/^[\w.-]{1,64}$/) as unknown,
    });
    expect(records.find(({ action }) => action === 'manifest.delete')).toMatchObject({ user_name: ADMIN.user });
  });

  it('names the request that the client was answered', async () => {
    const answer = (await admin.ask('PATCH', 'namespaces/team/repos/tools$app', { is_public: true })).expect(201);
    const { records } = await list('action=repository.update&limit=1');
    expect(records).toMatchObject([
      { resource: REPOSITORY, detail: { is_public: [false, true] }, request_id: answer.header('x-request-id') },
    ]);
  });

  it('is read page by page, filtered by time, user, action and thing', async () => {
    const { records: all } = await list();
    const paged: AuditRecords['records'] = [];
    for (let marker = ''; marker !== 'none';) {
      const page = await list(`limit=2${marker && `&marker=${marker}`}`);
      paged.push(...page.records);
      marker = page.next ?? 'none';
    }
    expect(paged).toEqual(all);
    const move = all.find(({ action }) => action === 'tag.move')!;
    expect((await list(`action=tag.move&resource=${encodeURIComponent(move.resource)}`)).records).toEqual([move]);
    const byBob = (await list(`user_id=${move.user_id}`)).records;
    expect(byBob).toEqual(all.filter(({ user_id: user }) => user === move.user_id));
    expect(byBob.length).toBeLessThan(all.length);
    expect((await list('until=2000-01-01T00:00:00Z')).records).toEqual([]);
    expect((await list('since=2000-01-01T00:00:00%2B01:00')).records).toEqual(all);
  });

  it('has of accounts, users and keys what operators see, and no organisation', async () => {
    const { records } = await list('', 'audit');
    expect(records.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['account.create', 'user.create', 'organisation.create', 'permission.add', 'tag.move']),
    );
    expect((await list('namespace=team', 'audit')).records.length).toBeGreaterThan((await list()).records.length - 1);
    expect((await list()).records.map(({ action }) => action)).not.toContain('user.create');
  });

  it('is for managers of the organisation, and of everything for operators', async () => {
    expect(refusal(await bob.get('namespaces/team/audit'))).toBe('403 SVCSTG.SWR.4037017');
    expect(refusal(await bob.get('audit'))).toMatch(/^403 /);
    expect(refusal(await admin.get('namespaces/nobody/audit'))).toBe('404 SVCSTG.SWR.4040058');
  });

  it.each([
    'since=yesterday',
    'until=2030-13-45T00:00:00Z',
    'marker=1',
    'marker=99999999999999999999.1',
    'user_id=bob',
    'limit=0',
    'limit=1001',
    'limit=x',
    'action=a&action=b',
    'resource=%00',
  ])('refuses %s', async (query) => {
    for (const path of ['namespaces/team/audit', 'audit']) {
      expect(refusal(await admin.get(`${path}?${query}`))).toMatch(/^400 SVCSTG\.SWR\.(4001025|4000056)$/);
    }
  });
});
