import { BasicCredentials } from '@huaweicloud/huaweicloud-sdk-core';
import { Region } from '@huaweicloud/huaweicloud-sdk-core/region/region.js';
import * as swr from '@huaweicloud/huaweicloud-sdk-swr';
import { anImage, exchange, type HttpAnswer, requireOrSkip } from '@berth/testing';
import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

jest.setTimeout(120_000);

const REGION = 'local';
const JSON_TYPE = 'application/json';
const ORGANISATION = 'sdk-group';
const PARTNER = 'sdk-partner';
const DEVELOPER = 'sdk-dev';

/** What the SDK adds to an answer. */
interface Answered {
  httpStatusCode?: number;
}

interface Refusal {
  httpStatusCode: number;
  errorCode: string;
  requestId?: string;
}

/** Every operation of the SDK that has a row in management-api.md, driven by the SDK itself. */
const OPERATIONS = [
  ...[
    'createNamespace',
    'deleteNamespaces',
    'listNamespaces',
    'showNamespace',
    'createRepo',
    'deleteRepo',
    'updateRepo',
  ],
  ...['showRepository', 'listReposDetails', 'listSharedReposDetails', 'listRepositoryTags', 'deleteRepoTag'],
  ...['createRepoDomains', 'deleteRepoDomains', 'updateRepoDomains', 'showAccessDomain', 'listRepoDomains'],
  ...['listApiVersions', 'showApiVersion', 'createNamespaceAuth', 'deleteNamespaceAuth', 'updateNamespaceAuth'],
  ...['showNamespaceAuth', 'createSecret', 'createUserRepositoryAuth', 'deleteUserRepositoryAuth'],
  ...['updateUserRepositoryAuth', 'showUserRepositoryAuth', 'listQuotas', 'showDomainOverview', 'createRepoTag'],
] as const;

const mode = modeOfThisRun();
const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to make accounts and users in' : reasonAgainst(mode);
requireOrSkip(`the SDK of SWR against ${mode}`, reason)(`the SDK of SWR (${mode})`, () => {
  let stack: Stack;
  let token: string;
  let client: swr.SwrClient;
  let developerId: string;
  const driven = new Set<string>();

  beforeAll(async () => {
    stack = await startStack(undefined, { BERTH_REGION: REGION });
    token = await logIn('admin', stack.credentials!.user, stack.credentials!.password);
    await asAdmin('POST', '/v3/domains', { domain: { name: PARTNER } });
    const made = await asAdmin('POST', '/v3/users', { user: { name: DEVELOPER, password: 'correct horse battery' } });
    developerId = made.json<{ user: { id: string } }>().user.id;
    client = clientOf(await aKey());
  });
  afterAll(() => stack?.stop());

  async function logIn(account: string, name: string, password: string): Promise<string> {
    const user = { name, password, domain: { name: account } };
    const body = JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } });
    const answer = await exchange({ method: 'POST', url: `${stack.base}/v3/auth/tokens`, body });
    return answer.expect(201).header('x-subject-token')!;
  }

  async function asAdmin(method: string, path: string, body: object): Promise<HttpAnswer> {
    const headers = { 'x-auth-token': token, 'content-type': JSON_TYPE };
    return (await exchange({ method, url: stack.base + path, headers, body: JSON.stringify(body) })).expect(201);
  }

  async function aKey(): Promise<{ access: string; secret: string }> {
    const made = await asAdmin('POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: { description: 'SDK' } });
    return made.json<{ credential: { access: string; secret: string } }>().credential;
  }

  /** As users build one: the project is found by the name of the region. What is called is written down. */
  function clientOf({ access, secret }: { access: string; secret: string }): swr.SwrClient {
    const credential = new BasicCredentials().withAk(access).withSk(secret).withIamEndpoint(stack.base);
    const built = swr.SwrClient.newBuilder()
      .withCredential(credential)
      .withRegion(new Region(REGION, stack.base))
      .withOptions({ customUserAgent: 'berth-e2e' })
      .build();
    return new Proxy(built, {
      get: (target, name, receiver) => {
        driven.add(String(name));
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
  }

  const statusOf = async (call: Promise<unknown>): Promise<number | undefined> =>
    ((await call) as Answered).httpStatusCode;
  const refusalOf = async (call: Promise<unknown>): Promise<Refusal> => {
    const refused = await call.then(
      () => null,
      (error: unknown) => error as Refusal,
    );
    if (!refused) throw new Error('the call was not refused');
    return refused;
  };
  /** The answer as it came over the wire: the SDK hangs its own properties on it. */
  const wire = (answer: unknown): unknown => JSON.parse(JSON.stringify(answer)) as unknown;
  const inRepository = [JSON_TYPE, ORGANISATION, 'web$front'] as const;

  it('makes an organisation, shows it and lists it', async () => {
    const body = new swr.CreateNamespaceRequestBody(ORGANISATION);
    const request = new swr.CreateNamespaceRequest(JSON_TYPE).withBody(body);
    expect(await statusOf(client.createNamespace(request))).toBe(201);
    expect(await refusalOf(client.createNamespace(request))).toMatchObject({
      httpStatusCode: 409,
      errorCode: 'SVCSTG.SWR.4090060',
      requestId: expect.any(String),
    });
    const shown = await client.showNamespace(new swr.ShowNamespaceRequest(JSON_TYPE, ORGANISATION));
    expect(shown).toMatchObject({ name: ORGANISATION, creator_name: 'admin', auth: 7 });
    const listed = await client.listNamespaces(
      new swr.ListNamespacesRequest(JSON_TYPE).withFilter(`namespace::${ORGANISATION}|mode::visible`),
    );
    expect(listed.namespaces).toMatchObject([{ name: ORGANISATION }]);
  });

  it('gives, changes, shows and takes permissions in an organisation', async () => {
    const user = (auth: number) => [new swr.UserAuth(developerId, DEVELOPER, auth)];
    const create = new swr.CreateNamespaceAuthRequest(JSON_TYPE, ORGANISATION).withBody(user(1));
    expect(await statusOf(client.createNamespaceAuth(create))).toBe(201);
    const update = new swr.UpdateNamespaceAuthRequest(JSON_TYPE, ORGANISATION).withBody(user(3));
    expect(await statusOf(client.updateNamespaceAuth(update))).toBe(201);
    const shown = await client.showNamespaceAuth(new swr.ShowNamespaceAuthRequest(JSON_TYPE, ORGANISATION));
    expect(wire(shown)).toMatchObject({ others_auths: [{ user_name: DEVELOPER, auth: 3 }] });
    const remove = new swr.DeleteNamespaceAuthRequest(JSON_TYPE, ORGANISATION).withBody([developerId]);
    expect(await statusOf(client.deleteNamespaceAuth(remove))).toBe(204);
  });

  it('makes a repository, changes it and shows it', async () => {
    const body = new swr.CreateRepoRequestBody('web/front', false).withCategory('linux').withDescription('made');
    const request = new swr.CreateRepoRequest(JSON_TYPE, ORGANISATION).withBody(body);
    expect(await statusOf(client.createRepo(request))).toBe(201);
    expect(await refusalOf(client.createRepo(request))).toMatchObject({ errorCode: 'SVCSTG.SWR.4090006' });
    const update = new swr.UpdateRepoRequest(...inRepository).withBody(
      new swr.UpdateRepoRequestBody(false).withDescription('changed'),
    );
    expect(await statusOf(client.updateRepo(update))).toBe(201);
    const shown = await client.showRepository(new swr.ShowRepositoryRequest(...inRepository));
    expect(shown).toMatchObject({ name: 'web/front', category: 'linux', description: 'changed', is_public: false });
  });

  it('lists what was pushed', async () => {
    const image = anImage();
    await stack.client().push(`${ORGANISATION}/web/front`, image, 'v1');
    const repositories = await client.listReposDetails(
      new swr.ListReposDetailsRequest(JSON_TYPE).withFilter(
        `namespace::${ORGANISATION}|name::front|limit::10|offset::0`,
      ),
    );
    expect(wire(repositories)).toMatchObject([
      { name: 'web/front', namespace: ORGANISATION, num_images: 1, total_range: 1 },
    ]);
    const tags = await client.listRepositoryTags(
      new swr.ListRepositoryTagsRequest(...inRepository).withLimit('10').withOffset('0'),
    );
    expect(wire(tags)).toMatchObject([{ Tag: 'v1', digest: image.manifest.digest }]);
    expect((tags as unknown as Record<string, unknown>)['Content-Range']).toBe('0-1/1');
  });

  it('tags again, and deletes a tag', async () => {
    const body = new swr.CreateRepoTagRequestBody('v1', 'stable').withOverride(false);
    expect(await statusOf(client.createRepoTag(new swr.CreateRepoTagRequest(...inRepository).withBody(body)))).toBe(
      201,
    );
    const remove = new swr.DeleteRepoTagRequest(...inRepository, 'v1');
    expect(await statusOf(client.deleteRepoTag(remove))).toBe(204);
    expect(await refusalOf(client.deleteRepoTag(remove))).toMatchObject({ errorCode: 'SVCSTG.SWR.4040048' });
  });

  it('gives, changes, shows and takes permissions on a repository', async () => {
    const user = (auth: number) => [new swr.UserAuth(developerId, DEVELOPER, auth)];
    const create = new swr.CreateUserRepositoryAuthRequest(...inRepository).withBody(user(1));
    expect(await statusOf(client.createUserRepositoryAuth(create))).toBe(201);
    const update = new swr.UpdateUserRepositoryAuthRequest(...inRepository).withBody(user(3));
    expect(await statusOf(client.updateUserRepositoryAuth(update))).toBe(201);
    const shown = await client.showUserRepositoryAuth(new swr.ShowUserRepositoryAuthRequest(...inRepository));
    expect(wire(shown)).toMatchObject({ others_auths: [{ user_name: DEVELOPER, auth: 3 }] });
    const remove = new swr.DeleteUserRepositoryAuthRequest(...inRepository).withBody([developerId]);
    expect(await statusOf(client.deleteUserRepositoryAuth(remove))).toBe(204);
  });

  it('shares a repository with another account, until a day or for ever', async () => {
    const body = new swr.CreateRepoDomainsRequestBody(PARTNER, 'read', 'forever').withDescription('together');
    const create = new swr.CreateRepoDomainsRequest(...inRepository).withBody(body);
    expect(await statusOf(client.createRepoDomains(create))).toBe(201);
    expect(await refusalOf(client.createRepoDomains(create))).toMatchObject({ errorCode: 'SVCSTG.SWR.4090089' });
    const listed = await client.listRepoDomains(new swr.ListRepoDomainsRequest(...inRepository));
    expect(wire(listed)).toMatchObject([{ access_domain: PARTNER, deadline: 'forever', status: true }]);
    const update = new swr.UpdateRepoDomainsRequest(...inRepository, PARTNER).withBody(
      new swr.UpdateRepoDomainsRequestBody('read', '2099-10-01T16:00:00.000Z'),
    );
    expect(await statusOf(client.updateRepoDomains(update))).toBe(201);
    const shown = await client.showAccessDomain(new swr.ShowAccessDomainRequest(...inRepository, PARTNER));
    expect(shown).toMatchObject({ exist: true, deadline: '2099-10-01T16:00:00Z', status: true });
    const shared = await client.listSharedReposDetails(
      new swr.ListSharedReposDetailsRequest(JSON_TYPE, 'self').withFilter('center::self|limit::10|offset::0'),
    );
    expect(wire(shared)).toMatchObject([{ name: 'web/front', namespace: ORGANISATION }]);
    const remove = new swr.DeleteRepoDomainsRequest(...inRepository, PARTNER);
    expect(await statusOf(client.deleteRepoDomains(remove))).toBe(204);
    const gone = await client.showAccessDomain(new swr.ShowAccessDomainRequest(...inRepository, PARTNER));
    expect(gone.exist).toBe(false);
  });

  it('shows the quotas, the account in all and the versions', async () => {
    const { quotas } = await client.listQuotas(new swr.ListQuotasRequest(JSON_TYPE));
    expect(quotas).toMatchObject([{ quota_key: 'namespace', used: 1 }]);
    const overview = await client.showDomainOverview(new swr.ShowDomainOverviewRequest(JSON_TYPE));
    expect(overview).toMatchObject({ domain_name: 'admin', repo_num: 1, image_num: 1 });
    const { versions } = await client.listApiVersions(new swr.ListApiVersionsRequest());
    expect(versions).toMatchObject([{ id: 'v2' }]);
    expect(await statusOf(client.showApiVersion(new swr.ShowApiVersionRequest(JSON_TYPE, 'v2')))).toBe(200);
  });

  it('makes a docker login that ends', async () => {
    const secret = await client.createSecret(new swr.CreateSecretRequest(JSON_TYPE).withProjectname(REGION));
    expect(await statusOf(Promise.resolve(secret))).toBe(200);
    expect(Object.keys(secret.auths as object)).toEqual([stack.host]);
  });

  it('is refused what is not empty, and then empties and deletes it', async () => {
    const repository = new swr.DeleteRepoRequest(...inRepository);
    const organisation = new swr.DeleteNamespacesRequest(JSON_TYPE, ORGANISATION);
    expect(await refusalOf(client.deleteRepo(repository))).toMatchObject({ httpStatusCode: 406 });
    expect(await refusalOf(client.deleteNamespaces(organisation))).toMatchObject({ httpStatusCode: 406 });
    await client.deleteRepoTag(new swr.DeleteRepoTagRequest(...inRepository, 'stable'));
    expect(await statusOf(client.deleteRepo(repository))).toBe(204);
    expect(await statusOf(client.deleteNamespaces(organisation))).toBe(204);
  });

  it('is refused with a key that is wrong', async () => {
    const { access } = await aKey();
    const wrong = clientOf({ access, secret: 'x'.repeat(40) });
    expect((await refusalOf(wrong.listNamespaces(new swr.ListNamespacesRequest(JSON_TYPE)))).httpStatusCode).toBe(401);
  });

  it('has driven every operation', () => {
    expect(OPERATIONS.filter((operation) => !driven.has(operation))).toEqual([]);
  });
});
