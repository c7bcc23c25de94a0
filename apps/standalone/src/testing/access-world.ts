import { createHash, randomBytes, scryptSync } from 'node:crypto';
import { parseWireId, signString, stringsToSign, wireId } from '@berth/swr';
import { anImage, basic, eventually, exchange, type HttpAnswer, RegistryClient } from '@berth/testing';
import { DocumentedAnswers } from './documented-answers.js';
import { ManagementClient } from './management-client.js';
import { ADMIN, startWholeRegistry, type WholeRegistry } from './whole-registry.js';

/** Who asks, and what they hold of `crew`, which is the organisation of the account `owner`. Without an account: nobody. */
export interface Role {
  account?: 'admin' | 'owner' | 'stranger' | 'sharee' | 'late';
  user?: string;
  administrator?: true;
  /** In the organisation: 1 read, 3 edit, 7 manage. */
  organisation?: 1 | 3 | 7;
  /** In each of its repositories. */
  repository?: 1 | 3 | 7;
  /** They are shared with the account, and the last day is not over. */
  sharee?: true;
  disabled?: true;
}

/** What a path names: names of one length, so that answers about two of them are as long. */
export interface Place {
  organisation: 'crew' | 'none';
  repository: string;
}

export const PLACES = {
  public: { organisation: 'crew', repository: 'visible' },
  private: { organisation: 'crew', repository: 'private' },
  /** There is no such repository in the organisation. */
  absent: { organisation: 'crew', repository: 'missing' },
  /** There is no such organisation, account or user either. */
  nowhere: { organisation: 'none', repository: 'missing' },
} as const satisfies Record<string, Place>;

export type PlaceName = keyof typeof PLACES;

/** How somebody shows who they are. */
export type Way = 'bearer' | 'basic' | 'token' | 'signature';

export interface AskedRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Ids on the wire, of what is there and of what is not. */
export type Ids = {
  account: string;
  user: string;
  project: string;
  accessKey: string;
};

export const PASSWORD = ADMIN.password;
export const IMAGE = anImage();
const DAY = 86_400_000;
const NO_SUCH_ID = '0'.repeat(32);

/** One registry with everybody of a table of roles in it, and what each of them shows who they are with. */
export class AccessWorld {
  readonly ids: { there: Ids; nowhere: Ids };
  private readonly headers = new Map<string, Partial<Record<Way, Record<string, string>>>>();
  private readonly keys = new Map<string, { access: string; secret: string }>();

  private constructor(
    readonly whole: WholeRegistry,
    private readonly userIds: Record<string, string>,
    ids: Ids,
  ) {
    const nowhere = { account: NO_SUCH_ID, user: NO_SUCH_ID, project: NO_SUCH_ID, accessKey: 'NOSUCHKEY00000000000' };
    this.ids = { there: ids, nowhere };
  }

  /** `oneself` is the role whose user the ids name. */
  static async start(roles: Record<string, Role>, oneself: string): Promise<AccessWorld> {
    const whole = await startWholeRegistry();
    try {
      const userIds = await makeUsers(whole, roles);
      await makeRepositories(whole, roles, userIds);
      const { prisma } = whole.registry.host.database!;
      const { id: userId, accountId } = await prisma.user.findUniqueOrThrow({ where: { id: userIds[oneself]! } });
      const project = await prisma.project.findFirstOrThrow({ where: { accountId } });
      const world = new AccessWorld(whole, userIds, {
        account: wireId(accountId),
        user: wireId(userId),
        project: wireId(project.id),
        accessKey: 'TARGETKEY00000000000',
      });
      await world.makeAccessKey();
      for (const [name, role] of Object.entries(roles)) await world.admit(name, role);
      for (const [name, role] of Object.entries(roles)) if (role.disabled) await world.disable(name);
      return world;
    } catch (error) {
      await whole.stop();
      throw error;
    }
  }

  get address(): string {
    return this.whole.registry.address;
  }

  /** By the credentials that the role got when the world began. The answer is held against the OpenAPI document. */
  async ask(role: string, way: Way, { method, path, headers = {}, body }: AskedRequest): Promise<HttpAnswer> {
    const bytes = bytesOf(body);
    const url = this.address + path;
    const own = way === 'signature' ? this.signed(role, method, path, bytes) : this.headers.get(role)![way];
    const answer = await exchange({ method, url, headers: { ...own, ...headers }, ...(bytes && { body: bytes }) });
    return (await DocumentedAnswers.at(this.address)).hold(method, path, answer);
  }

  /** The bearer token of a role; undefined where it could not have one. */
  bearerOf(role: string): string | undefined {
    return this.headers.get(role)!.bearer?.['authorization']?.replace('Bearer ', '');
  }

  iamTokenOf(role: string): string {
    return this.headers.get(role)!.token!['x-auth-token']!;
  }

  /** A permission, as the management API takes it. */
  authOf(role: string, name: string, auth: 1 | 3 | 7) {
    return { user_id: wireId(this.userIds[role]!), user_name: name, auth };
  }

  /** The one that the ids name, for it to be removed again. */
  async makeAccessKey(): Promise<void> {
    const { accessKey: id, user } = this.ids.there;
    const key = { id, userId: parseWireId(user)!, secretEncrypted: Buffer.from('none') };
    await this.whole.registry.host.database!.prisma.accessKey.upsert({ where: { id }, create: key, update: {} });
  }

  /** All that requests could change. */
  async state(): Promise<string> {
    const { prisma } = this.whole.registry.host.database!;
    const all = await prisma.$transaction([
      prisma.account.findMany({ orderBy: { id: 'asc' } }),
      prisma.user.findMany({ orderBy: { id: 'asc' } }),
      prisma.project.findMany({ orderBy: { id: 'asc' } }),
      prisma.organisation.findMany({ orderBy: { id: 'asc' } }),
      prisma.organisationPermission.findMany({ orderBy: { userId: 'asc' } }),
      prisma.repository.findMany({ orderBy: { id: 'asc' }, omit: { updatedAt: true } }),
      prisma.repositoryPermission.findMany({ orderBy: [{ userId: 'asc' }, { repositoryId: 'asc' }] }),
      prisma.repositoryShare.findMany({ orderBy: [{ accountId: 'asc' }, { repositoryId: 'asc' }] }),
      prisma.tag.findMany({ orderBy: { id: 'asc' }, select: { name: true, repositoryId: true, manifestId: true } }),
    ]);
    return JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 1);
  }

  private async admit(name: string, { account, user }: Role): Promise<void> {
    const credentials = account && { user: `${account}/${user}`, password: PASSWORD };
    const token = await this.issue(credentials);
    const headers: Partial<Record<Way, Record<string, string>>> = { bearer: { authorization: `Bearer ${token}` } };
    this.headers.set(name, headers);
    if (!credentials) return;
    headers.basic = { authorization: basic(credentials) };
    const client = await ManagementClient.logIn(this.address, { account, user: user!, password: PASSWORD });
    headers.token = client.headers;
    const key = { method: 'POST', path: '/v3.0/OS-CREDENTIAL/credentials', body: { credential: {} } };
    const made = (await this.ask(name, 'token', key)).expect(201);
    this.keys.set(name, made.json<{ credential: { access: string; secret: string } }>().credential);
  }

  /** A bearer token for all that a role may ask for, by one request. */
  private async issue(credentials?: { user: string; password: string }): Promise<string> {
    const url = new URL('/auth/token', this.address);
    url.searchParams.append('scope', 'registry:catalog:*');
    for (const { organisation, repository } of Object.values(PLACES)) {
      url.searchParams.append('scope', `repository:${organisation}/${repository}:pull,push,delete`);
    }
    const headers = credentials && { authorization: basic(credentials) };
    const answer = await exchange({ method: 'GET', url: url.href, ...(headers && { headers }) });
    return answer.expect(200).json<{ token: string }>().token;
  }

  /** And waits until the gateway knows. */
  private async disable(role: string): Promise<void> {
    const client = await ManagementClient.logIn(this.address, { account: 'admin', ...ADMIN });
    const url = `${this.address}/v3/users/${wireId(this.userIds[role]!)}`;
    const body = JSON.stringify({ user: { enabled: false } });
    (await exchange({ method: 'PATCH', url, headers: client.headers, body })).expect(200);
    const isRefused = async () => (await this.ask(role, 'bearer', { method: 'GET', path: '/v2/' })).status === 401;
    await eventually(isRefused, { what: `the token of ${role} is refused`, within: 10_000 });
  }

  private signed(role: string, method: string, path: string, body?: Buffer): Record<string, string> {
    const key = this.keys.get(role);
    if (!key) return {};
    const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const signed = { host: new URL(this.address).host, 'x-sdk-date': stamp };
    const names = Object.keys(signed);
    const bodySha256 = createHash('sha256')
      .update(body ?? '')
      .digest('hex');
    const [stringToSign] = stringsToSign({ method, target: path, headers: signed, bodySha256 }, names);
    const signature = signString(key.secret, stringToSign!);
    const fields = [`Access=${key.access}`, `SignedHeaders=${names.join(';')}`, `Signature=${signature}`];
    return { ...signed, authorization: `SDK-HMAC-SHA256 ${fields.join(', ')}` };
  }
}

async function makeUsers({ registry }: WholeRegistry, roles: Record<string, Role>): Promise<Record<string, string>> {
  const { prisma } = registry.host.database!;
  const passwordHash = quickHash(PASSWORD);
  const ids: Record<string, string> = {};
  for (const [role, { account, user, administrator }] of Object.entries(roles)) {
    if (account === undefined) continue;
    const { id: accountId } = await prisma.account.upsert({
      where: { name: account },
      create: { name: account, organisationQuota: 5, projects: { create: { name: 'local' } } },
      update: {},
    });
    const data = { accountId, name: user!, passwordHash, isAdministrator: administrator ?? false };
    const where = { accountId_name: { accountId, name: user! } };
    ids[role] = (await prisma.user.upsert({ where, create: data, update: {} })).id;
  }
  return ids;
}

async function makeRepositories(
  { registry }: WholeRegistry,
  roles: Record<string, Role>,
  userIds: Record<string, string>,
): Promise<void> {
  const { prisma } = registry.host.database!;
  const { id: accountId } = await prisma.account.findUniqueOrThrow({ where: { name: 'owner' } });
  const { id: creatorId } = await prisma.user.findFirstOrThrow({ where: { accountId, isAdministrator: true } });
  const { name: user } = await prisma.user.findUniqueOrThrow({ where: { id: creatorId } });
  const owner = new RegistryClient(registry.address, { user: `owner/${user}`, password: PASSWORD });
  const crew = await prisma.organisation.create({ data: { name: 'crew', accountId, creatorId } });
  for (const { repository } of [PLACES.public, PLACES.private]) await owner.push(`crew/${repository}`, IMAGE, 'v1');
  await prisma.repository.update({ where: { path: 'crew/visible' }, data: { isPublic: true } });
  const repositories = await prisma.repository.findMany({ where: { organisationId: crew.id } });
  for (const [role, { organisation, repository }] of Object.entries(roles)) {
    const userId = userIds[role]!;
    if (organisation) {
      await prisma.organisationPermission.create({ data: { organisationId: crew.id, userId, auth: organisation } });
    }
    for (const { id: repositoryId } of repository ? repositories : []) {
      await prisma.repositoryPermission.create({ data: { repositoryId, userId, auth: repository! } });
    }
  }
  for (const [name, deadline] of [
    ['sharee', new Date(Date.now() + DAY)],
    ['late', new Date(Date.now() - DAY)],
  ] as const) {
    const { id } = await prisma.account.findUniqueOrThrow({ where: { name } });
    const rows = repositories.map(({ id: repositoryId }) => ({ repositoryId, accountId: id, deadline }));
    await prisma.repositoryShare.createMany({ data: rows });
  }
}

/** As cheap as a hash can be: there are many logins, and what they cost is another test. */
function quickHash(password: string): string {
  const salt = randomBytes(16);
  const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  const key = scryptSync(password, salt, 32, { N: 2 ** 4, r: 8, p: 1 });
  return `$scrypt$ln=4,r=8,p=1$${unpadded(salt)}$${unpadded(key)}`;
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
