import { claimsOf, exchange, type HttpAnswer, randomBlob } from '@berth/testing';
import {
  AccessWorld,
  type AskedRequest,
  IMAGE,
  type Ids,
  PASSWORD,
  type PlaceName,
  PLACES,
  type Role,
  type Way,
} from './testing/access-world.js';

jest.setTimeout(120_000);

const ROLES = {
  anonymous: {},
  operator: { account: 'admin', user: 'admin', administrator: true },
  'strange administrator': { account: 'stranger', user: 'boss', administrator: true },
  stranger: { account: 'stranger', user: 'tom' },
  administrator: { account: 'owner', user: 'boss', administrator: true },
  nobody: { account: 'owner', user: 'nobody' },
  reader: { account: 'owner', user: 'reader', organisation: 1 },
  editor: { account: 'owner', user: 'editor', organisation: 3 },
  manager: { account: 'owner', user: 'manager', organisation: 7 },
  'repository reader': { account: 'owner', user: 'repo-reader', repository: 1 },
  'repository editor': { account: 'owner', user: 'repo-editor', repository: 3 },
  'repository manager': { account: 'owner', user: 'repo-manager', repository: 7 },
  disabled: { account: 'owner', user: 'gone', organisation: 7, disabled: true },
  'sharee administrator': { account: 'sharee', user: 'boss', administrator: true, sharee: true },
  sharee: { account: 'sharee', user: 'tom', sharee: true },
  'late administrator': { account: 'late', user: 'boss', administrator: true },
  late: { account: 'late', user: 'tom' },
} as const satisfies Record<string, Role>;
type RoleName = keyof typeof ROLES;
const ROLE_NAMES = Object.keys(ROLES) as RoleName[];
/** The role whose user and access key the paths name. */
const ONESELF: RoleName = 'nobody';

/**
 * What a route needs. `anybody`: nothing. `login`: a password that is right, or none. `password`: one that is right.
 * `credentials`: any that are good, also an anonymous token. `user`: to be somebody. The others: a right, in a repository or an organisation, or over an account.
 */
type Needs =
  | 'anybody'
  | 'login'
  | 'password'
  | 'credentials'
  | 'user'
  | { registry: 1 | 3 | 7 }
  /** `besides`: reading is not enough for users of other accounts. */
  | { repository: 1 | 3 | 7; besides?: 'member' }
  | { organisation: 1 | 3 | 7 }
  /** Who is refused is told that there is nothing, or that it is denied; `users`: users are denied, administrators find nothing. */
  | {
      account: 'operator' | 'administrator' | 'or oneself' | 'oneself' | 'member';
      refused: 'unknown' | 'denied' | 'users';
    }
  /** To administer any account. */
  | 'administrator'
  /** To operate the installation. */
  | 'operator';
type Outcome = 'allowed' | 'denied' | 'unknown' | 'unauthenticated';

/** THE RULES: what somebody with a role is to be told when they ask for a route at a place. Nothing of the code under test. */
function outcomeOf(needs: Needs, role: Role, place: PlaceName, way: Way): Outcome {
  if (needs === 'anybody') return 'allowed';
  if (role.disabled) return 'unauthenticated';
  if (needs === 'login') return 'allowed';
  const isSomebody = role.account !== undefined;
  if (needs === 'password') return isSomebody ? 'allowed' : 'unauthenticated';
  if (needs === 'credentials') return isSomebody || way === 'bearer' ? 'allowed' : 'unauthenticated';
  if (typeof needs === 'object' && 'registry' in needs) {
    const mayAsk = isSomebody || way === 'bearer';
    if (mayAsk && registryLevel(role, place) >= needs.registry) return 'allowed';
    return isSomebody ? 'denied' : 'unauthenticated';
  }
  if (!isSomebody) return 'unauthenticated';
  if (needs === 'user') return 'allowed';
  if (needs === 'administrator') return role.administrator ? 'allowed' : 'denied';
  if (needs === 'operator') return hasAccountRight(needs, role, place) ? 'allowed' : 'denied';
  if ('account' in needs) {
    if (hasAccountRight(needs.account, role, place)) return 'allowed';
    if (needs.refused === 'users') return role.administrator ? 'unknown' : 'denied';
    return needs.refused;
  }
  const isRepository = 'repository' in needs;
  const held = isRepository ? repositoryLevel(role, place) : organisationLevel(role, place);
  if (held === 0) return 'unknown';
  if (isRepository && needs.besides && role.account !== 'owner') return 'denied';
  return held >= (isRepository ? needs.repository : needs.organisation) ? 'allowed' : 'denied';
}

function organisationLevel(role: Role, place: PlaceName): number {
  if (place === 'nowhere') return 0;
  return role.administrator && role.account === 'owner' ? 7 : (role.organisation ?? 0);
}

function repositoryLevel(role: Role, place: PlaceName): number {
  if (place === 'absent' || place === 'nowhere') return 0;
  const ofOthers = place === 'public' || role.sharee ? 1 : 0;
  return Math.max(organisationLevel(role, place), role.repository ?? 0, ofOthers);
}

/** A push makes what is not there: a repository for whoever may push in the organisation, and that for administrators. */
function registryLevel(role: Role, place: PlaceName): number {
  if (place === 'nowhere') return role.administrator ? 7 : 0;
  return place === 'absent' ? organisationLevel(role, place) : repositoryLevel(role, place);
}

/** By a permission, not because it is public or shared. */
const permissionLevel = (role: Role, place: PlaceName): number =>
  Math.max(organisationLevel(role, place), role.repository ?? 0);

function hasAccountRight(right: string, role: Role, place: PlaceName): boolean {
  const isOperator = role.account === 'admin' && role.administrator === true;
  if (right === 'operator') return isOperator;
  if (place === 'nowhere') return false;
  if (right === 'member') return role.account === 'owner';
  const isOneself = role === ROLES[ONESELF] && right.endsWith('oneself');
  const administers = isOperator || (role.administrator === true && role.account === 'owner');
  return isOneself || (right !== 'oneself' && administers);
}

function mayRead(needs: Needs, role: Role): boolean {
  if (typeof needs !== 'object' || 'account' in needs) return false;
  return ('organisation' in needs ? organisationLevel : repositoryLevel)(role, 'private') > 0;
}

interface Rule {
  needs: Needs;
  /** What it is answered where it is allowed; such a request changes nothing. */
  allowed: string | Partial<Record<PlaceName, string>>;
  /** Besides the method and the path: headers and a body. */
  ask?: (to: To) => Omit<AskedRequest, 'method' | 'path'> & { query?: string };
}
/** What a request may name. */
interface To {
  name: RoleName;
  role: Role;
  place: PlaceName;
  ids: Ids;
  world: AccessWorld;
  /** Else the request is one that would do harm. */
  isAllowed: boolean;
}

const { manifest, config } = IMAGE;
const OTHER_DIGEST = randomBlob(10).digest;
const content = (body: unknown) => ({ headers: { 'content-type': 'application/json' }, body });
const given = (body: unknown) => () => content(body);
const there = (status: string, otherwise: string) => ({
  public: status,
  private: status,
  absent: otherwise,
  nowhere: otherwise,
});
const READ = { registry: 1 } as const;
const PUSH = { registry: 3 } as const;
const DELETE = { registry: 7 } as const;
const READ_REPOSITORY = { repository: 1 } as const;
const EDIT_REPOSITORY = { repository: 3 } as const;
const MANAGE_REPOSITORY = { repository: 7 } as const;
const MANAGE_ORGANISATION = { organisation: 7 } as const;
const BY_OPERATOR = { account: 'operator', refused: 'denied' } as const;
const BY_ADMINISTRATOR = { account: 'administrator', refused: 'users' } as const;
const swr = (code: string) => `${code.slice(0, 3)} SVCSTG.SWR.${code}`;
const share = { permit: 'read', deadline: 'forever' };
/** Rights for whoever asks, who has not got them; where that is allowed for somebody who has, which is no change. */
const grantTo =
  (holder: 'manager' | 'repository manager') =>
  ({ world, name, isAllowed }: To) => {
    const to = isAllowed || name === 'anonymous' ? holder : name;
    return content([world.authOf(to, ROLES[to].user, 7)]);
  };
/** One permission that is there, and where that is allowed one that is not: then neither is taken away. */
const takeFrom =
  (holder: 'manager' | 'repository manager') =>
  ({ world, isAllowed }: To) => {
    const from = isAllowed ? [holder, ONESELF] : [holder];
    return content(from.map((role) => world.authOf(role, '', 7).user_id));
  };
/** A body that would do harm, and one that would not. */
const eitherOf =
  (harmful: unknown, harmless: unknown) =>
  ({ isAllowed }: To) =>
    content(isAllowed ? harmless : harmful);
const SET_POLICY = eitherOf({ after_seconds: 0 }, {});
const OF_CONFIG = () => ({ query: `digest=${config.digest}` });

const REPOSITORY = '/v2/manage/namespaces/{namespace}/repos/{repository}';
const SHARES = '/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains';
const ORGANISATION = '/v2/manage/namespaces/{namespace}';
const UPLOAD = '/v2/{name}/blobs/uploads/{sessionId}';
const KEYS = '/v3.0/OS-CREDENTIAL/credentials';

/** One rule for each route of the OpenAPI document. */
const RULES: Record<string, Rule> = {
  'GET /v2/': { needs: 'credentials', allowed: '200' },
  'HEAD /v2/': { needs: 'credentials', allowed: '200' },
  'GET /v2/_oci/ext/discover': { needs: 'credentials', allowed: '200' },
  'HEAD /v2/_oci/ext/discover': { needs: 'credentials', allowed: '200' },
  'GET /v2/_catalog': { needs: 'credentials', allowed: '200' },
  'HEAD /v2/_catalog': { needs: 'credentials', allowed: '200' },
  'GET /v2/{name}/blobs/{digest}': { needs: READ, allowed: there('200', '404 BLOB_UNKNOWN') },
  'HEAD /v2/{name}/blobs/{digest}': { needs: READ, allowed: there('200', '404') },
  'DELETE /v2/{name}/blobs/{digest}': { needs: DELETE, allowed: '404 BLOB_UNKNOWN' },
  'GET /v2/{name}/manifests/{reference}': { needs: READ, allowed: there('200', '404 NAME_UNKNOWN') },
  'HEAD /v2/{name}/manifests/{reference}': { needs: READ, allowed: there('200', '404') },
  'PUT /v2/{name}/manifests/{reference}': {
    needs: PUSH,
    allowed: there('201', '400 MANIFEST_BLOB_UNKNOWN'),
    ask: () => ({ headers: { 'content-type': manifest.mediaType }, body: manifest.bytes }),
  },
  'DELETE /v2/{name}/manifests/{reference}': {
    needs: DELETE,
    allowed: there('404 MANIFEST_UNKNOWN', '404 NAME_UNKNOWN'),
  },
  'POST /v2/{name}/blobs/uploads/': { needs: PUSH, allowed: '202' },
  [`PATCH ${UPLOAD}`]: { needs: PUSH, allowed: '404 BLOB_UPLOAD_UNKNOWN', ask: () => ({ body: Buffer.from('x') }) },
  [`PUT ${UPLOAD}`]: {
    needs: PUSH,
    allowed: '404 BLOB_UPLOAD_UNKNOWN',
    ask: () => ({ query: `digest=${OTHER_DIGEST}` }),
  },
  [`GET ${UPLOAD}`]: { needs: PUSH, allowed: '404 BLOB_UPLOAD_UNKNOWN' },
  [`HEAD ${UPLOAD}`]: { needs: PUSH, allowed: '404' },
  [`DELETE ${UPLOAD}`]: { needs: PUSH, allowed: '404 BLOB_UPLOAD_UNKNOWN' },
  'GET /v2/{name}/tags/list': { needs: READ, allowed: there('200', '404 NAME_UNKNOWN') },
  'HEAD /v2/{name}/tags/list': { needs: READ, allowed: there('200', '404') },
  'GET /v2/{name}/referrers/{digest}': { needs: READ, allowed: '200' },
  'HEAD /v2/{name}/referrers/{digest}': { needs: READ, allowed: '200' },
  'GET /v2/{name}/_oci/ext/discover': { needs: READ, allowed: '200' },
  'HEAD /v2/{name}/_oci/ext/discover': { needs: READ, allowed: '200' },

  'GET /v2/manage/namespaces': { needs: 'user', allowed: '200' },
  'POST /v2/manage/namespaces': { needs: 'user', allowed: swr('4090060'), ask: given({ namespace: 'crew' }) },
  [`GET ${ORGANISATION}`]: { needs: { organisation: 1 }, allowed: '200' },
  [`DELETE ${ORGANISATION}`]: { needs: MANAGE_ORGANISATION, allowed: swr('4060074') },
  [`GET ${ORGANISATION}/access`]: { needs: { organisation: 1 }, allowed: '200' },
  [`POST ${ORGANISATION}/access`]: {
    needs: MANAGE_ORGANISATION,
    allowed: swr('4090076'),
    ask: grantTo('manager'),
  },
  [`PATCH ${ORGANISATION}/access`]: {
    needs: MANAGE_ORGANISATION,
    allowed: '201',
    ask: grantTo('manager'),
  },
  [`DELETE ${ORGANISATION}/access`]: {
    needs: MANAGE_ORGANISATION,
    allowed: swr('4040078'),
    ask: takeFrom('manager'),
  },
  [`POST ${ORGANISATION}/repos`]: {
    needs: { organisation: 3 },
    allowed: swr('4090006'),
    ask: eitherOf({ repository: 'new', is_public: true }, { repository: 'private', is_public: true }),
  },
  'GET /v2/manage/overview': { needs: 'user', allowed: '200' },
  'GET /v2/manage/repos': { needs: 'user', allowed: '200' },
  [`GET ${REPOSITORY}`]: { needs: READ_REPOSITORY, allowed: '200' },
  [`PATCH ${REPOSITORY}`]: {
    needs: EDIT_REPOSITORY,
    allowed: '201',
    ask: eitherOf({ is_public: true, description: 'mine' }, { category: 'other' }),
  },
  [`DELETE ${REPOSITORY}`]: { needs: MANAGE_REPOSITORY, allowed: swr('4060012') },
  [`GET ${REPOSITORY}/tags`]: { needs: READ_REPOSITORY, allowed: '200' },
  [`POST ${REPOSITORY}/tags`]: {
    needs: EDIT_REPOSITORY,
    allowed: swr('4090048'),
    ask: eitherOf({ source_tag: 'v1', destination_tag: 'v2' }, { source_tag: 'v1', destination_tag: 'v1' }),
  },
  [`GET ${REPOSITORY}/tags/{tag}`]: { needs: READ_REPOSITORY, allowed: '200' },
  [`DELETE ${REPOSITORY}/tags/{tag}`]: { needs: MANAGE_REPOSITORY, allowed: swr('4040048') },
  [`GET ${REPOSITORY}/access`]: { needs: { repository: 1, besides: 'member' }, allowed: '200' },
  [`POST ${REPOSITORY}/access`]: {
    needs: MANAGE_REPOSITORY,
    allowed: swr('4090076'),
    ask: grantTo('repository manager'),
  },
  [`PATCH ${REPOSITORY}/access`]: {
    needs: MANAGE_REPOSITORY,
    allowed: '201',
    ask: grantTo('repository manager'),
  },
  [`DELETE ${REPOSITORY}/access`]: {
    needs: MANAGE_REPOSITORY,
    allowed: swr('4040078'),
    ask: takeFrom('repository manager'),
  },
  [`GET ${SHARES}`]: { needs: MANAGE_REPOSITORY, allowed: '200' },
  [`POST ${SHARES}`]: {
    needs: MANAGE_REPOSITORY,
    allowed: swr('4090089'),
    ask: eitherOf({ ...share, access_domain: 'stranger' }, { ...share, access_domain: 'sharee' }),
  },
  [`GET ${SHARES}/{account}`]: { needs: MANAGE_REPOSITORY, allowed: '200' },
  [`PATCH ${SHARES}/{account}`]: { needs: MANAGE_REPOSITORY, allowed: swr('4001090'), ask: given(share) },
  [`DELETE ${SHARES}/{account}`]: { needs: MANAGE_REPOSITORY, allowed: swr('4001090') },
  [`GET ${ORGANISATION}/untagged-policy`]: { needs: { organisation: 1 }, allowed: '200' },
  [`PUT ${ORGANISATION}/untagged-policy`]: { needs: MANAGE_ORGANISATION, allowed: swr('4001014'), ask: SET_POLICY },
  [`DELETE ${ORGANISATION}/untagged-policy`]: { needs: MANAGE_ORGANISATION, allowed: '204' },
  [`GET ${REPOSITORY}/untagged-policy`]: { needs: READ_REPOSITORY, allowed: '200' },
  [`PUT ${REPOSITORY}/untagged-policy`]: { needs: MANAGE_REPOSITORY, allowed: swr('4001014'), ask: SET_POLICY },
  [`DELETE ${REPOSITORY}/untagged-policy`]: { needs: MANAGE_REPOSITORY, allowed: '204' },
  [`GET ${REPOSITORY}/garbage/explain`]: { needs: READ_REPOSITORY, allowed: '200', ask: OF_CONFIG },
  'GET /v2/manage/garbage/explain': { needs: 'operator', allowed: '200', ask: OF_CONFIG },
  'GET /v2/manage/garbage/plan': { needs: 'operator', allowed: '200' },
  'GET /v2/manage/audit': { needs: 'operator', allowed: '200' },
  [`GET ${ORGANISATION}/audit`]: { needs: MANAGE_ORGANISATION, allowed: '200' },
  'GET /v2/manage/garbage/reconcile': { needs: 'operator', allowed: '200' },
  // Nothing is held.
  'POST /v2/manage/garbage/reconcile/confirm': {
    needs: 'operator',
    allowed: '200',
    ask: given({ task: 'objects', held: 'so many' }),
  },
  'GET /v2/manage/projects/{project}/quotas': { needs: { account: 'member', refused: 'unknown' }, allowed: '200' },
  'POST /v2/manage/utils/secret': { needs: 'user', allowed: '200' },
  'GET /v2/manage/shared-repositories': { needs: 'user', allowed: '200' },
  'GET /v2/manage/dockerhub/repos': { needs: 'user', allowed: '200' },
  // The organisation of official images has none here.
  'GET /v2/manage/dockerhub/namespaces/{namespace}/repos/{repository}': { needs: 'user', allowed: swr('4040010') },
  'GET /v2/manage/dockerhub/namespaces/{namespace}/repos/{repository}/tags': { needs: 'user', allowed: swr('4040010') },
  'GET /dockyard/v2/visible/namespaces': { needs: 'user', allowed: '200' },
  'GET /dockyard/v2/namespaces': { needs: 'user', allowed: '200' },
  'POST /dockyard/v2/namespaces': { needs: 'user', allowed: swr('4090060'), ask: given({ namespace: 'crew' }) },
  // Of what may not be read there is none, which Harbor takes for an answer.
  'GET /dockyard/v2/namespaces/{namespace}': { needs: 'user', allowed: '200' },
  'GET /dockyard/v2/repositories': { needs: 'user', allowed: '200' },
  'GET /v2/manage/domain/{domain_id}/accelerator': { needs: { account: 'member', refused: 'denied' }, allowed: '200' },

  'GET /': { needs: 'anybody', allowed: '200' },
  'GET /v2': { needs: 'anybody', allowed: '200' },
  'GET /livez': { needs: 'anybody', allowed: '200' },
  'GET /readyz': { needs: 'anybody', allowed: '200' },
  'GET /openapi.json': { needs: 'anybody', allowed: '200' },
  'GET /auth/token': { needs: 'login', allowed: '200' },
  'POST /auth/token': { needs: 'password', allowed: '200', ask: passwordForm },
  'GET /swr/auth/v2/registry/auth': { needs: 'login', allowed: '200' },
  'POST /swr/auth/v2/registry/auth': { needs: 'password', allowed: '200', ask: passwordForm },
  'POST /v3/auth/tokens': { needs: 'password', allowed: '201', ask: passwordIdentity },
  'GET /v3/auth/tokens': {
    needs: { account: 'or oneself', refused: 'unknown' },
    allowed: '200',
    ask: ({ world, place }) => ({
      headers: { 'x-subject-token': place === 'nowhere' ? 'none' : world.iamTokenOf(ONESELF) },
    }),
  },
  'GET /v3/auth/domains': { needs: 'user', allowed: '200' },
  'GET /v3/regions': { needs: 'user', allowed: '200' },
  'GET /v3/regions/{regionId}': { needs: 'user', allowed: '200' },
  'GET /v3/projects': { needs: 'user', allowed: '200', ask: ({ ids }) => ({ query: `domain_id=${ids.account}` }) },
  'POST /v3/projects': {
    needs: BY_ADMINISTRATOR,
    allowed: '409',
    ask: ({ ids, isAllowed }) => content({ project: { name: isAllowed ? 'local' : 'new', domain_id: ids.account } }),
  },
  'POST /v3/domains': {
    needs: BY_OPERATOR,
    allowed: '409',
    ask: eitherOf({ domain: { name: 'new' } }, { domain: { name: 'owner' } }),
  },
  'GET /v3/domains': { needs: BY_OPERATOR, allowed: '200' },
  'GET /v3/domains/{domainId}': { needs: BY_OPERATOR, allowed: { private: '200', nowhere: '404' } },
  'PATCH /v3/domains/{domainId}': {
    needs: BY_OPERATOR,
    allowed: { private: '200', nowhere: '404' },
    ask: eitherOf({ domain: { enabled: false } }, { domain: { description: '' } }),
  },
  'POST /v3/users': {
    needs: BY_ADMINISTRATOR,
    allowed: '409',
    ask: ({ ids, isAllowed }) =>
      content({ user: { name: isAllowed ? 'nobody' : 'new', password: PASSWORD, domain_id: ids.account } }),
  },
  'GET /v3/users': {
    needs: 'administrator',
    allowed: '200',
    ask: ({ ids }) => ({ query: `domain_id=${ids.account}` }),
  },
  'GET /v3/users/{userId}': { needs: { account: 'or oneself', refused: 'unknown' }, allowed: '200' },
  'PATCH /v3/users/{userId}': {
    needs: BY_ADMINISTRATOR,
    allowed: '200',
    ask: eitherOf({ user: { enabled: false, password: 'taken over' } }, { user: { description: '' } }),
  },
  'POST /v3/users/{userId}/password': {
    needs: { account: 'oneself', refused: 'unknown' },
    // The original one is wrong.
    allowed: '401',
    ask: given({ user: { original_password: 'wrong', password: PASSWORD } }),
  },
  [`POST ${KEYS}`]: {
    needs: { account: 'or oneself', refused: 'denied' },
    allowed: '201',
    ask: ({ ids }) => content({ credential: { user_id: ids.user } }),
  },
  [`GET ${KEYS}`]: {
    needs: { account: 'or oneself', refused: 'denied' },
    allowed: '200',
    ask: ({ ids }) => ({ query: `user_id=${ids.user}` }),
  },
  [`PUT ${KEYS}/{accessKey}`]: {
    needs: { account: 'or oneself', refused: 'unknown' },
    allowed: '200',
    ask: given({ credential: { status: 'active' } }),
  },
  [`DELETE ${KEYS}/{accessKey}`]: { needs: { account: 'or oneself', refused: 'unknown' }, allowed: '204' },
};

function passwordForm({ role: { account, user } }: To) {
  const form = { grant_type: 'password', service: 'berth', client_id: 'table', username: `${account}/${user}` };
  const body = new URLSearchParams({ ...form, password: PASSWORD }).toString();
  return { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body };
}

function passwordIdentity({ role: { account = 'owner', user = 'none' } }: To) {
  const password = { user: { name: user, password: PASSWORD, domain: { name: account } } };
  return content({ auth: { identity: { methods: ['password'], password } } });
}

/** Where a route is asked: what it can be refused for is there, or not. */
function placesOf(needs: Needs): PlaceName[] {
  if (typeof needs !== 'object') return ['private'];
  if ('registry' in needs || 'repository' in needs) return ['public', 'private', 'absent', 'nowhere'];
  return ['private', 'nowhere'];
}

/** Ways in: the registry's two, and the management API's token. */
function waysOf(route: string): Way[] {
  const path = route.split(' ')[1]!;
  if (path.startsWith('/dockyard') || (path.includes('/auth/') && !path.startsWith('/v3'))) return ['basic'];
  return path.startsWith('/v2/') && !path.startsWith('/v2/manage') ? ['bearer', 'basic'] : ['token'];
}

/** Each dialect's words for a refusal. */
function refusalOf(route: string, outcome: Exclude<Outcome, 'allowed'>, role: Role, way: Way): string {
  const { needs } = RULES[route]!;
  const [method, path] = route.split(' ') as [string, string];
  const status = { unauthenticated: '401', denied: '403', unknown: '404' }[outcome];
  if (method === 'HEAD' || path.startsWith('/v3')) return status;
  if (!path.startsWith('/v2/manage') && !path.startsWith('/dockyard'))
    return outcome === 'denied' ? '403 DENIED' : '401 UNAUTHORIZED';
  if (outcome === 'unauthenticated' && way === 'signature' && role.disabled) return '401 APIGW.0301';
  if (outcome === 'unauthenticated') return role.disabled ? swr('4010000') : '401 SVCSTG.S2I.4019000';
  if (needs === 'operator') return swr('4039002');
  const [unknown, denied] =
    typeof needs === 'object' && 'account' in needs
      ? ['4040083', '4039001']
      : typeof needs === 'object' && 'organisation' in needs
        ? ['4040058', '4037017']
        : ['4040010', '4037020'];
  return swr(outcome === 'unknown' ? unknown : denied);
}

function expectedOf(route: string, role: Role, place: PlaceName, way: Way): string {
  const rule = RULES[route]!;
  const outcome = outcomeOf(rule.needs, role, place, way);
  if (outcome !== 'allowed') return refusalOf(route, outcome, role, way);
  return typeof rule.allowed === 'string' ? rule.allowed : rule.allowed[place]!;
}

function requestOf(route: string, to: To): AskedRequest {
  const [method, template] = route.split(' ') as [string, string];
  const { organisation, repository } = PLACES[to.place];
  const isThere = method !== 'DELETE' || !to.isAllowed;
  const names: Record<string, string> = {
    name: `${organisation}/${repository}`,
    namespace: organisation,
    repository,
    digest: isThere ? config.digest : OTHER_DIGEST,
    reference: isThere ? 'v1' : 'never',
    tag: isThere ? 'v1' : 'never',
    sessionId: '00000000-0000-4000-8000-000000000000',
    account: to.isAllowed ? 'stranger' : 'sharee',
    domain_id: to.ids.account,
    domainId: to.ids.account,
    userId: to.ids.user,
    project: to.ids.project,
    accessKey: to.ids.accessKey,
    regionId: 'local',
  };
  const { query, ...rest } = RULES[route]!.ask?.(to) ?? {};
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => names[name]!);
  return { method, path: query ? `${path}?${query}` : path, ...rest };
}

function answered(answer: HttpAnswer): string {
  if (answer.status < 400 || !answer.text.startsWith('{')) return String(answer.status);
  const { error_code: code, errors } = answer.json<{ error_code?: string; errors?: { code: string }[] }>();
  return [answer.status, code ?? errors?.[0]?.code].filter(Boolean).join(' ');
}

/** All of an answer but what no two of them have in common, and but the names that were asked for. */
function toldBy(answer: HttpAnswer, ids: Ids, place: PlaceName): string {
  const { date: _date, 'x-request-id': _id, ...headers } = answer.fields;
  const { organisation, repository } = PLACES[place];
  const names = [`${organisation}/${repository}`, repository, organisation, ...Object.values(ids)];
  const text = JSON.stringify([answer.status, headers, answer.text]);
  return names.reduce((told, name) => told.replaceAll(name, 'NAME'), text);
}

const MARKS: Record<Outcome, string> = { allowed: '+', denied: '-', unknown: '.', unauthenticated: '!' };

/** The rules, as a table: routes by roles, and in each cell the places. It is what is answered where no test fails. */
function table(): string {
  const routes = Object.keys(RULES);
  const width = Math.max(...routes.map((route) => route.length));
  const letters = ROLE_NAMES.map((_, n) => String.fromCharCode(97 + n));
  const line = (route: string, cells: string[]) =>
    `${route.padEnd(width)} ${cells.map((cell) => cell.padEnd(4)).join(' ')}`.trimEnd();
  const cellOf = (route: string, name: RoleName) => {
    const { needs } = RULES[route]!;
    const [way] = waysOf(route);
    return placesOf(needs).map((place) => MARKS[outcomeOf(needs, ROLES[name], place, way!)]);
  };
  return [
    ROLE_NAMES.map((name, n) => `${letters[n]} ${name}`).join(', '),
    'public, private, absent, no organisation; or there, not there: + allowed, - 403, . 404, ! 401',
    line('', letters),
    ...routes.map((route) =>
      line(
        route,
        ROLE_NAMES.map((name) => cellOf(route, name).join('')),
      ),
    ),
  ].join('\n');
}

describe('access', () => {
  let world: AccessWorld;
  let before: string;

  beforeAll(async () => {
    process.stdout.write(`\n${table()}\n`);
    world = await AccessWorld.start(ROLES, ONESELF);
    before = await world.state();
  });
  afterAll(() => world?.whole.stop());

  function toOf(route: string, name: RoleName, place: PlaceName, way: Way): To {
    const ids = place === 'nowhere' ? world.ids.nowhere : world.ids.there;
    const isAllowed = outcomeOf(RULES[route]!.needs, ROLES[name], place, way) === 'allowed';
    return { name, role: ROLES[name], place, ids, world, isAllowed };
  }

  it('has a rule for each route of the OpenAPI document', async () => {
    const document = (await exchange({ method: 'GET', url: `${world.address}/openapi.json` })).json<{
      paths: Record<string, object>;
    }>();
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.keys(RULES).sort()).toEqual(routes.sort());
  });

  it.each(Object.keys(RULES))(
    'to %s is as its rule says, and what may not be read is as what is not there',
    async (route) => {
      const wrong: object[] = [];
      for (const way of waysOf(route)) {
        const asks = ROLE_NAMES.map((name) => () => troublesOf(route, name, way));
        // What changes nothing by its method can be asked by all at once.
        if (/^(GET|HEAD) /.test(route)) wrong.push(...(await Promise.all(asks.map((ask) => ask()))).flat());
        else for (const ask of asks) wrong.push(...(await ask()));
      }
      expect(wrong).toEqual([]);
    },
  );

  /** What one role is answered that is not as the rule says. */
  async function troublesOf(route: string, name: RoleName, way: Way): Promise<object[]> {
    const wrong: object[] = [];
    const told = new Map<PlaceName, string>();
    for (const place of placesOf(RULES[route]!.needs)) {
      const to = toOf(route, name, place, way);
      const answer = await world.ask(name, way, requestOf(route, to));
      const [expected, is] = [expectedOf(route, ROLES[name], place, way), answered(answer)];
      if (is !== expected) wrong.push({ name, place, way, expected, is });
      told.set(place, toldBy(answer, to.ids, place));
      if (answer.status === 204) await world.makeAccessKey();
    }
    for (const place of indistinguishable(route, name, way)) {
      const [ofPrivate, ofOther] = [told.get('private'), told.get(place)];
      if (ofPrivate !== ofOther) wrong.push({ name, way, private: ofPrivate, [place]: ofOther });
    }
    return wrong;
  }

  it('is granted by the token endpoint as the table says', () => {
    for (const name of ROLE_NAMES) {
      // Who is disabled now was not yet when the token was given.
      const { disabled: _, ...role }: Role = ROLES[name];
      const held = (Object.keys(PLACES) as PlaceName[]).flatMap((place) => {
        const { organisation, repository } = PLACES[place];
        return Object.entries({ pull: READ, push: PUSH, delete: DELETE })
          .filter(([, needs]) => outcomeOf(needs, role, place, 'bearer') === 'allowed')
          .map(([action]) => `${organisation}/${repository}:${action}`);
      });
      const scopes = claimsOf(world.bearerOf(name)!).access!.filter((scope) => scope.name !== 'catalog');
      const granted = scopes.flatMap((scope) => scope.actions.map((action) => `${scope.name}:${action}`));
      expect([name, ...granted]).toEqual([name, ...held]);
    }
  });

  it.each([
    `GET ${REPOSITORY}`,
    `DELETE ${REPOSITORY}`,
    `PATCH ${REPOSITORY}`,
    `POST ${ORGANISATION}/access`,
    'GET /v3/users/{userId}',
  ])('to %s is the same by a signed request', async (route) => {
    for (const name of ROLE_NAMES) {
      for (const place of placesOf(RULES[route]!.needs)) {
        const request = requestOf(route, toOf(route, name, place, 'signature'));
        const is = answered(await world.ask(name, 'signature', request));
        expect([name, place, is]).toEqual([name, place, expectedOf(route, ROLES[name], place, 'signature')]);
      }
    }
  });

  /** Whoever asks is allowed to; what they may not read is not in the answer. */
  it.each<[string, Way, (role: Role, place: PlaceName) => boolean]>([
    ['/v2/_catalog', 'bearer', (role, place) => registryLevel(role, place) > 0],
    ['/v2/_catalog', 'basic', (role, place) => role.account !== undefined && registryLevel(role, place) > 0],
    ['/v2/manage/repos', 'token', (role, place) => permissionLevel(role, place) > 0],
    ['/dockyard/v2/repositories', 'basic', (role, place) => permissionLevel(role, place) > 0],
    ['/dockyard/v2/visible/namespaces', 'basic', (role, place) => permissionLevel(role, place) > 0],
    ['/v2/manage/namespaces', 'token', (role, place) => organisationLevel(role, place) > 0],
    ['/v2/manage/namespaces?mode=visible', 'token', (role, place) => permissionLevel(role, place) > 0],
  ])('to the list %s by %s shows what may be read, and nothing else', async (path, way, mayRead) => {
    for (const name of ROLE_NAMES) {
      const role: Role = ROLES[name];
      const { text } = await world.ask(name, way, { method: 'GET', path });
      for (const place of ['public', 'private'] as const) {
        const { organisation, repository } = PLACES[place];
        const isShown = text.includes(path.includes('namespaces') ? `"${organisation}"` : repository);
        expect([name, place, isShown]).toEqual([name, place, !role.disabled && mayRead(role, place)]);
      }
    }
  });

  it('took nothing from what was there, and added nothing to it', async () => {
    expect(await world.state()).toBe(before);
  });

  it.each<[string, RoleName, Way]>([
    [`GET ${REPOSITORY}`, 'strange administrator', 'token'],
    [`DELETE ${REPOSITORY}`, 'nobody', 'token'],
    [`GET ${ORGANISATION}`, 'stranger', 'token'],
    ['GET /v2/{name}/manifests/{reference}', 'nobody', 'bearer'],
    ['GET /v2/{name}/manifests/{reference}', 'stranger', 'basic'],
    ['GET /v3/users/{userId}', 'strange administrator', 'token'],
    [`DELETE ${KEYS}/{accessKey}`, 'strange administrator', 'token'],
  ])('to %s is refused to a %s by %s as fast where there is something as where there is nothing', async (...row) => {
    const [route, name, way] = row;
    const other = placesOf(RULES[route]!.needs).includes('absent') ? 'absent' : 'nowhere';
    const requests = (['private', other] as const).map((place) => requestOf(route, toOf(route, name, place, way)));
    const ask = (which: number) => world.ask(name, way, requests[which]!);
    // What else the machine does may slow one of them down, but not the same one each time.
    let ratio = NaN;
    for (let round = 0; round < 5 && !(ratio > 1 / LARGEST_RATIO && ratio < LARGEST_RATIO); round++) {
      ratio = await ratioOfMedians(ask);
    }
    expect(ratio).toBeGreaterThan(1 / LARGEST_RATIO);
    expect(ratio).toBeLessThan(LARGEST_RATIO);
  });

  /** Where somebody who is refused may see no difference to `private`. */
  function indistinguishable(route: string, name: RoleName, way: Way): PlaceName[] {
    const { needs } = RULES[route]!;
    const outcome = outcomeOf(needs, ROLES[name], 'private', way);
    if (outcome === 'allowed' || (outcome !== 'unauthenticated' && mayRead(needs, ROLES[name]))) return [];
    const isAsPrivate = (place: PlaceName) => outcomeOf(needs, ROLES[name], place, way) === outcome;
    return placesOf(needs).filter((place) => place !== 'public' && isAsPrivate(place));
  }
});

const LARGEST_RATIO = 1.5;
const PAIRS = 40;

/** How long the first takes, by the second. They take turns, and so does which of them begins. */
async function ratioOfMedians(ask: (which: 0 | 1) => Promise<unknown>): Promise<number> {
  const taken: [number[], number[]] = [[], []];
  for (let n = 0; n < PAIRS; n++) {
    for (const which of n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const start = performance.now();
      await ask(which);
      taken[which].push(performance.now() - start);
    }
  }
  const [first, second] = taken.map((times) => times.sort((a, b) => a - b)[PAIRS / 2]!);
  return first! / second!;
}
