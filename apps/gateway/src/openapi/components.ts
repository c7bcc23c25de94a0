import { MAX_REPOSITORY_DESCRIPTION, RECONCILIATION_PHASES } from '@berth/contracts';
import { REGISTRY_ERRORS } from '@berth/oci';
import { CATEGORIES, SWR_ERRORS } from '@berth/swr';
import type { Header, Parameter, Schema } from './openapi-document.js';

const COMPONENT = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';
const DIGEST = '(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})';
export const TAG = '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}';

const text = (description: string, schema: Schema = {}): Header => ({
  description,
  schema: { type: 'string', ...schema },
});

const WIRE_ID = '^[0-9a-f]{32}$';

/** Headers of answers. */
export const HEADERS = {
  'Accept-Ranges': text('`bytes`: a part may be asked for.'),
  Allow: text('The methods that are left.'),
  'Cache-Control': text('Content named by its digest never changes; a tag says nothing here.'),
  'Content-Range': text(
    '`bytes first-last/size`; with 416 `bytes */size`. Of a list of the management API: `offset-count/total`; of official images: `offset-limit/total`.',
  ),
  'Docker-Content-Digest': text('The digest of the content.', { pattern: `^${DIGEST}$` }),
  'Docker-Distribution-API-Version': text('`registry/2.0`.'),
  'Docker-Upload-UUID': text('The session.', { format: 'uuid' }),
  ETag: text('Names the content, for If-None-Match: the digest in quotes where the content has one.'),
  Link: text('The next page, with `rel="next"`; absent on the last one. RFC 8288.'),
  Location: text('Where the content is, or the upload goes on. Relative unless BERTH_PUBLIC_URL is set.', {
    format: 'uri-reference',
  }),
  'OCI-Filters-Applied': text('`artifactType` where the list was filtered by it.', { const: 'artifactType' }),
  'OCI-Subject': text('The subject that the manifest names.', { pattern: `^${DIGEST}$` }),
  'OCI-Tag': text('The tags of the query that name the manifest now, with commas between them.'),
  Range: text('`0-last` of the bytes that are durable; `0-0` before the first as well.', { pattern: '^0-\\d+$' }),
  'Retry-After': { description: 'Seconds until another try makes sense.', schema: { type: 'integer' } },
  Vary: text('`accept`, where a tag was asked for.'),
  'WWW-Authenticate': text(
    'Where to get a token, and with which scope: Bearer realm, service, scope. At the token endpoint and below `/dockyard/v2`: Basic.',
  ),
  'X-Swr-Dockerlogin': text('`docker login -u PROJECT@AK -p KEY HOST`.'),
  'X-Swr-Expireat': text('When the login ends.', { format: 'date-time' }),
  'X-Subject-Token': text('A token for `X-Auth-Token`.'),
  'X-Request-Id': text("The request's id in every log line; the client's own where it sent one."),
} satisfies Record<string, Header>;

/** Parameters of paths, by the name between the braces. */
export const PATH_PARAMETERS = {
  name: inPath(
    'name',
    'Repository, `organisation/rest`; one component alone is in `library`. Its slashes are slashes of the path: they are not percent-encoded.',
    { maxLength: 255, pattern: `^${COMPONENT}(/${COMPONENT})*$` },
  ),
  accessKey: inPath('accessKey', 'An access key: AK.', { maxLength: 64 }),
  domain_id: inPath('domain_id', 'An account, by id.', { maxLength: 64 }),
  namespace: inPath('namespace', 'An organisation.', { maxLength: 64 }),
  repository: inPath('repository', 'A repository of it: its path without the organisation, `$` for each slash.', {
    maxLength: 255,
  }),
  tag: inPath('tag', 'A tag.', { pattern: `^${TAG}$` }),
  account: inPath('account', 'The name of an account.', { maxLength: 256 }),
  project: inPath('project', "The id of a project of the user's account.", { pattern: '^[0-9a-f]{32}$' }),
  domainId: inPath('domainId', 'An account, by its id.', { pattern: WIRE_ID }),
  userId: inPath('userId', 'A user, by its id.', { pattern: WIRE_ID }),
  regionId: inPath('regionId', 'The region: BERTH_REGION.', { maxLength: 64 }),
  reference: inPath('reference', 'A tag or a digest.', { pattern: `^(${TAG}|${DIGEST})$` }),
  digest: inPath('digest', 'sha256 or sha512, in lower case.', { pattern: `^${DIGEST}$` }),
  sessionId: inPath('sessionId', 'The upload session of a Location.', { format: 'uuid' }),
} satisfies Record<string, Parameter>;

/** What a run of a task has counted. */
const RECONCILIATION_COUNTS = [
  'objects',
  'blobs',
  'bytes',
  'others',
  'orphans',
  'holes',
  'incomplete',
  'removed',
  'quarantined',
  'skipped',
];

/** Of a repository, wherever it is shown. */
const COUNTED_NAMESPACE_FIELDS = {
  id: { type: 'integer' },
  name: { type: 'string' },
  creator_name: { type: 'string' },
  auth: { enum: [7, 3, 1, 0], description: '7 manage, 3 edit, 1 read, 0 only repositories in it.' },
  user_count: { type: 'integer', description: 'Users with a permission in it.' },
  image_count: { type: 'integer', description: 'Tags of its repositories.' },
} satisfies Record<string, Schema>;

/** UTC. */
const OFFICIAL_TIME = '^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d$';
const OFFICIAL_IMAGE_FIELDS = {
  id: { type: 'integer' },
  user: { type: 'string', description: 'The organisation.' },
  name: { type: 'string' },
  namespace: { type: 'string', description: 'The organisation.' },
  description: { type: 'string' },
  star_count: { type: 'integer' },
  pull_count: { type: 'integer' },
  last_updated: { type: 'string', pattern: OFFICIAL_TIME },
  is_collected: { type: 'boolean' },
  collection_id: { type: 'integer' },
  total_range: { type: 'integer', description: 'How many match, on all pages.' },
} satisfies Record<string, Schema>;

const REPOSITORY_FIELDS = {
  name: { type: 'string', description: 'The path without the organisation.' },
  category: { type: 'string' },
  description: { type: 'string' },
  size: {
    type: 'integer',
    description: 'Bytes of its blobs and manifests; a layer that its images share counts once.',
  },
  is_public: { type: 'boolean' },
  num_images: { type: 'integer', description: 'Tags.' },
  num_download: { type: 'integer', description: 'How often images of it were pulled.' },
  url: { type: 'string' },
  path: { type: 'string', description: 'What `docker pull` takes.' },
  internal_path: { type: 'string' },
} satisfies Record<string, Schema>;

const TAG_FIELDS = {
  id: { type: 'integer' },
  repo_id: { type: 'integer' },
  Tag: { type: 'string' },
  image_id: { type: 'string', description: 'The digest of the config, in hex; empty of an index.' },
  manifest: { type: 'string', description: 'The manifest, JSON in a string.' },
  digest: { type: 'string', pattern: `^${DIGEST}$` },
  schema: { type: 'integer' },
  path: { type: 'string', description: 'What `docker pull` takes.' },
  internal_path: { type: 'string' },
  size: { type: 'integer', description: 'Bytes that a pull moves; of an index that of all its images.' },
  is_trusted: { type: 'boolean' },
  created: { type: 'string', format: 'date-time' },
  updated: { type: 'string', format: 'date-time' },
  deleted: { type: 'null' },
  domain_id: { type: 'string' },
  scanned: { type: 'boolean' },
  tag_type: { enum: [0, 1], description: '0 a manifest, 1 an index.' },
} satisfies Record<string, Schema>;
const SHARE_TERMS: Record<string, Schema> = {
  permit: { const: 'read' },
  deadline: {
    type: 'string',
    description: 'A moment in the last day, in UTC, as 2021-10-01T16:00:00Z; or `forever`.',
  },
  description: { type: 'string', maxLength: 1000 },
};
const SHARE: Record<string, Schema> = {
  namespace: { type: 'string' },
  repository: { type: 'string' },
  access_domain: { type: 'string', description: 'The name of an account.' },
  ...SHARE_TERMS,
  creator_id: { type: 'string', description: 'Empty, as the name, where the user is gone.' },
  creator_name: { type: 'string' },
  created: { type: 'string', format: 'date-time' },
  updated: { type: 'string', format: 'date-time' },
  status: { type: 'boolean', description: 'Its last day is not over.' },
};

export const SCHEMAS: Record<string, Schema> = {
  ManagementErrors: object(
    {
      errors: {
        type: 'array',
        items: object({ errorCode: { type: 'string' }, errorMessage: { type: 'string' }, detail: { type: 'string' } }, [
          'errorCode',
          'errorMessage',
          'detail',
        ]),
      },
      error_code: { type: 'string', enum: Object.values(SWR_ERRORS).map(({ code }) => code) },
      error_msg: { type: 'string', description: 'For people.' },
      details: {
        type: 'array',
        items: object({ error_code: { type: 'string' }, error_msg: { type: 'string' } }, ['error_code', 'error_msg']),
      },
    },
    ['errors', 'error_code', 'error_msg', 'details'],
  ),
  IamErrors: object(
    {
      error: object({ code: { type: 'integer' }, message: { type: 'string' }, title: { type: 'string' } }, [
        'code',
        'message',
        'title',
      ]),
    },
    ['error'],
  ),
  IamDomain: object(
    {
      id: { type: 'string', pattern: WIRE_ID },
      name: { type: 'string' },
      description: { type: 'string' },
      enabled: { type: 'boolean' },
      organisation_quota: { type: ['integer', 'null'], description: 'Null: no limit.' },
      links: { type: 'object' },
    },
    ['id', 'name', 'description', 'enabled', 'organisation_quota', 'links'],
  ),
  IamUser: object(
    {
      id: { type: 'string', pattern: WIRE_ID },
      name: { type: 'string' },
      domain_id: { type: 'string', pattern: WIRE_ID },
      description: { type: 'string' },
      enabled: { type: 'boolean' },
      is_administrator: { type: 'boolean', description: 'Manages its account.' },
      password_expires_at: { type: 'null' },
      links: { type: 'object' },
    },
    ['id', 'name', 'domain_id', 'description', 'enabled', 'is_administrator', 'password_expires_at', 'links'],
  ),
  IamProject: object(
    {
      id: { type: 'string', pattern: WIRE_ID },
      name: { type: 'string' },
      domain_id: { type: 'string', pattern: WIRE_ID },
      parent_id: { type: 'string', pattern: WIRE_ID },
      description: { type: 'string' },
      enabled: { type: 'boolean' },
      is_domain: { type: 'boolean' },
      links: { type: 'object' },
    },
    ['id', 'name', 'domain_id', 'parent_id', 'description', 'enabled', 'is_domain', 'links'],
  ),
  IamRegion: object(
    {
      id: { type: 'string' },
      type: { const: 'public' },
      description: { type: 'string' },
      parent_region_id: { type: 'null' },
      locales: { type: 'object' },
      links: { type: 'object' },
    },
    ['id', 'type', 'description', 'parent_region_id', 'locales', 'links'],
  ),
  Namespace: object(
    {
      id: { type: 'integer' },
      name: { type: 'string' },
      creator_name: { type: 'string' },
      auth: { enum: [7, 3, 1, 0], description: '7 manage, 3 edit, 1 read, 0 only repositories in it.' },
    },
    ['id', 'name', 'creator_name', 'auth'],
  ),
  NamespaceList: object({ namespaces: { type: 'array', items: { $ref: '#/components/schemas/Namespace' } } }, [
    'namespaces',
  ]),
  CountedNamespace: object(COUNTED_NAMESPACE_FIELDS, Object.keys(COUNTED_NAMESPACE_FIELDS)),
  CountedNamespaceList: object(
    { namespaces: { type: 'array', items: { $ref: '#/components/schemas/CountedNamespace' } } },
    ['namespaces'],
  ),
  CountedNamespaceOrNone: object(
    {
      ...COUNTED_NAMESPACE_FIELDS,
      namespaces: { type: 'array', maxItems: 1, items: { $ref: '#/components/schemas/CountedNamespace' } },
    },
    ['namespaces'],
  ),
  OfficialImageList: { type: 'array', items: { $ref: '#/components/schemas/OfficialImage' } },
  OfficialImage: object(
    { ...OFFICIAL_IMAGE_FIELDS, full_description: { type: 'string', description: 'Of a single one.' } },
    Object.keys(OFFICIAL_IMAGE_FIELDS),
  ),
  OfficialImageTagList: { type: 'array', items: { $ref: '#/components/schemas/OfficialImageTag' } },
  OfficialImageTag: object(
    {
      id: { type: 'integer' },
      name: { type: 'string' },
      size: { type: 'integer', description: 'Bytes that a pull moves.' },
      last_updated: { type: 'string', pattern: OFFICIAL_TIME },
    },
    ['id', 'name', 'size', 'last_updated'],
  ),
  NamespaceAuth: object(
    {
      id: { type: 'integer' },
      name: { type: 'string' },
      creator_name: { type: 'string' },
      self_auth: { $ref: '#/components/schemas/UserAuth' },
      others_auths: { type: 'array', items: { $ref: '#/components/schemas/UserAuth' } },
    },
    ['id', 'name', 'creator_name', 'self_auth', 'others_auths'],
  ),
  AuditRecords: object(
    {
      records: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            id: { type: 'string' },
            time: { type: 'string', format: 'date-time' },
            organisation: { type: ['string', 'null'] },
            action: { type: 'string', description: 'A thing and what was done with it: `tag.move`.' },
            resource: { type: 'string', description: 'Its name: `team/app:v1`, `user:team/ann`.' },
            detail: { type: 'object', description: 'What it was before and what it is now.' },
            user_id: { type: ['string', 'null'], description: 'Null: nobody was logged in, or a service on its own.' },
            user_name: { type: ['string', 'null'] },
            account_name: { type: ['string', 'null'] },
            credential: { enum: ['password', 'access-key', 'operator', null] },
            address: { type: ['string', 'null'] },
            request_id: { type: ['string', 'null'] },
            service: { type: 'string', description: 'Which one wrote it.' },
          },
          required: [
            ...['id', 'time', 'organisation', 'action', 'resource', 'detail', 'user_id', 'user_name', 'account_name'],
            ...['credential', 'address', 'request_id', 'service'],
          ],
        },
      },
      next: { type: ['string', 'null'], description: 'The marker of the next page; null where nothing follows.' },
    },
    ['records', 'next'],
  ),
  Reconciliation: object(
    {
      tasks: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            task: { enum: ['objects', 'scrub'] },
            phase: { enum: [...RECONCILIATION_PHASES] },
            position: { type: 'string', description: 'The key, or the digest, behind which it goes on.' },
            active: { type: 'boolean', description: 'A gc-worker is at it now.' },
            held: { type: ['string', 'null'], description: 'Why it waits for an operator.' },
            started_at: { type: ['string', 'null'], format: 'date-time' },
            finished_at: { type: ['string', 'null'], format: 'date-time' },
            ...Object.fromEntries(RECONCILIATION_COUNTS.map((count) => [count, { type: 'integer' }])),
          },
          required: [
            ...['task', 'phase', 'position', 'active', 'held', 'started_at', 'finished_at'],
            ...RECONCILIATION_COUNTS,
          ],
        },
      },
      suspects: { type: 'integer', description: 'Blobs that are looked at again.' },
      quarantined: { type: 'integer', description: 'Blobs whose object is not what their row says.' },
      orphans: { type: 'integer', description: 'Objects and uploads that no row knows, whatever their age.' },
      blobs: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            digest: { type: 'string' },
            object_key: { type: 'string' },
            size: { type: 'integer' },
            reason: { enum: ['missing', 'size', 'unreadable', 'rot'] },
            first_seen: { type: 'string', format: 'date-time' },
            quarantined_at: { type: 'string', format: 'date-time' },
            repositories: { type: 'array', items: { type: 'string' }, description: 'Three of those that have it.' },
          },
          required: ['digest', 'object_key', 'size', 'reason', 'first_seen', 'quarantined_at', 'repositories'],
        },
      },
    },
    ['tasks', 'suspects', 'quarantined', 'orphans', 'blobs'],
  ),
  ConfirmedReconciliation: object({ tasks: { type: 'array', items: { enum: ['objects', 'scrub'] } } }, ['tasks']),
  Reason: object(
    {
      kind: { enum: ['tag', 'index', 'subject', 'manifest', 'lease', 'grace', 'policy', 'due', 'unqueued'] },
      digest: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' } },
      until: { type: 'string', format: 'date-time' },
      policy: { $ref: '#/components/schemas/UntaggedRule' },
      from: { enum: ['repository', 'organisation', 'installation'], description: 'Whose the policy is.' },
      more: { type: 'integer', description: 'Of the same kind that are not shown; counted up to 1000.' },
      because: { type: 'array', items: { $ref: '#/components/schemas/Reason' } },
    },
    ['kind'],
  ),
  ExplainedDigest: object(
    {
      digest: { type: 'string' },
      size: { type: ['integer', 'null'], description: 'Bytes of the blob; null where there is none.' },
      damage: {
        anyOf: [{ $ref: '#/components/schemas/Damage' }, { type: 'null' }],
        description: 'Null where nothing wrong is known of the object.',
      },
      places: {
        type: 'array',
        items: object(
          {
            repository: { type: 'string' },
            kind: { enum: ['blob', 'manifest'] },
            kept: { type: 'boolean' },
            goes_after: { type: ['string', 'null'], description: 'Where it is not kept; null for now.' },
            because: { type: 'array', items: { $ref: '#/components/schemas/Reason' } },
          },
          ['repository', 'kind', 'kept', 'goes_after', 'because'],
        ),
      },
      more: { type: 'integer', description: 'Places that are not shown; counted up to 1000.' },
      objects: {
        type: 'array',
        description: 'Objects that held these bytes and wait to be deleted.',
        items: object(
          {
            not_before: { type: 'string', format: 'date-time' },
            attempts: { type: 'integer' },
            last_error: { type: ['string', 'null'] },
            advice: { type: ['string', 'null'], description: 'What to do; null where that needs nobody.' },
          },
          ['not_before', 'attempts', 'last_error', 'advice'],
        ),
      },
    },
    ['digest', 'size', 'damage', 'places', 'more', 'objects'],
  ),
  Damage: object(
    {
      state: { enum: ['suspected', 'quarantined'], description: 'In quarantine it is as good as not there.' },
      reason: { enum: ['missing', 'size', 'unreadable', 'rot'], description: 'What is wrong with the object.' },
      first_seen: { type: 'string', format: 'date-time' },
      advice: { type: 'string', description: 'What to do.' },
    },
    ['state', 'reason', 'first_seen', 'advice'],
  ),
  Going: object({ repository: { type: 'string' }, digest: { type: 'string' } }, ['repository', 'digest']),
  CollectionPlan: object(
    {
      manifests: object(
        {
          count: { type: 'integer' },
          bytes: { type: 'integer' },
          shown: { type: 'array', items: { $ref: '#/components/schemas/Going' } },
        },
        ['count', 'bytes', 'shown'],
      ),
      links: object(
        { count: { type: 'integer' }, shown: { type: 'array', items: { $ref: '#/components/schemas/Going' } } },
        ['count', 'shown'],
      ),
      blobs: object({ count: { type: 'integer' }, bytes: { type: 'integer' } }, ['count', 'bytes']),
      objects: object({ count: { type: 'integer' }, bytes: { type: 'integer' } }, ['count', 'bytes']),
      complete: { type: 'boolean', description: 'False where more is due than the plan looks at.' },
    },
    ['manifests', 'links', 'blobs', 'objects', 'complete'],
  ),
  UntaggedRule: object(
    { keep: { type: 'boolean' }, after_seconds: { type: 'integer', description: 'Absent where they are kept.' } },
    ['keep'],
  ),
  UntaggedPolicy: object(
    {
      own: {
        anyOf: [{ $ref: '#/components/schemas/UntaggedRule' }, { type: 'null' }],
        description: 'Null: that of what it belongs to.',
      },
      effective: { $ref: '#/components/schemas/UntaggedRule' },
      from: { enum: ['repository', 'organisation', 'installation'], description: 'Whose the effective one is.' },
    },
    ['own', 'effective', 'from'],
  ),
  Overview: object(
    {
      domain_id: { type: 'string' },
      domain_name: { type: 'string' },
      namspace_num: { type: 'integer', description: 'Organisations. Spelled so by SWR.' },
      repo_num: { type: 'integer' },
      image_num: { type: 'integer', description: 'Tags.' },
      store_space: { type: 'integer', description: 'Bytes, the sum over the repositories.' },
    },
    ['domain_id', 'domain_name', 'namspace_num', 'repo_num', 'image_num', 'store_space'],
  ),
  Repository: object(
    {
      id: { type: 'integer' },
      ns_id: { type: 'integer', description: 'The organisation.' },
      ...REPOSITORY_FIELDS,
      num_downloads: { type: 'integer', description: 'The same as `num_download`.' },
      creator_id: { type: 'string', description: 'Of the organisation where that of the repository is not known.' },
      creator_name: { type: 'string' },
      created: { type: 'string', format: 'date-time' },
      updated: { type: 'string', format: 'date-time' },
      domain_id: { type: 'string' },
      priority: { type: 'integer' },
    },
    [
      ...['id', 'ns_id', ...Object.keys(REPOSITORY_FIELDS), 'num_downloads', 'creator_id', 'creator_name'],
      ...['created', 'updated', 'domain_id', 'priority'],
    ],
  ),
  RepositoryList: { type: 'array', items: { $ref: '#/components/schemas/ListedRepository' } },
  ListedRepository: object(
    {
      ...REPOSITORY_FIELDS,
      created_at: { type: 'string', format: 'date-time' },
      updated_at: { type: 'string', format: 'date-time' },
      logo: { type: 'string' },
      domain_name: { type: 'string', description: 'The account.' },
      namespace: { type: 'string', description: 'The organisation.' },
      tags: {
        type: 'array',
        items: { type: 'string' },
        description: 'Those that changed last; 100 at most, 1,000 for Harbor.',
      },
      status: { type: 'boolean', description: 'Of a list of shares: the share, or one of several, is valid.' },
      total_range: { type: 'integer', description: 'How many match, on all pages.' },
    },
    [
      ...Object.keys(REPOSITORY_FIELDS),
      ...['created_at', 'updated_at', 'logo', 'domain_name', 'namespace', 'tags', 'status', 'total_range'],
    ],
  ),
  RepositoryTagList: { type: 'array', items: { $ref: '#/components/schemas/RepositoryTag' } },
  RepositoryTag: object(TAG_FIELDS, Object.keys(TAG_FIELDS)),
  RepositoryAttributes: {
    type: 'object',
    properties: {
      is_public: { type: 'boolean', description: 'Anybody may pull.' },
      category: { enum: CATEGORIES },
      description: {
        type: 'string',
        maxLength: MAX_REPOSITORY_DESCRIPTION,
        description: 'Text: what it has of HTML is text.',
      },
    },
  },
  RepositoryAuth: object(
    {
      id: { type: 'integer' },
      name: { type: 'string' },
      self_auth: { $ref: '#/components/schemas/UserAuth' },
      others_auths: { type: 'array', items: { $ref: '#/components/schemas/UserAuth' } },
    },
    ['id', 'name', 'self_auth', 'others_auths'],
  ),
  ShareTerms: object(SHARE_TERMS, ['permit', 'deadline']),
  NewShare: object(
    {
      access_domain: { type: 'string', minLength: 1, maxLength: 256, description: 'The name of an account.' },
      ...SHARE_TERMS,
    },
    ['access_domain', 'permit', 'deadline'],
  ),
  Share: object(SHARE, Object.keys(SHARE)),
  ShareOrNone: {
    oneOf: [
      object({ exist: { const: true }, ...SHARE }, ['exist', ...Object.keys(SHARE)]),
      { ...object({ exist: { const: false } }, ['exist']), maxProperties: 1 },
    ],
  },
  ShareList: { type: 'array', items: { $ref: '#/components/schemas/Share' } },
  QuotaList: object(
    {
      quotas: {
        type: 'array',
        items: object(
          {
            quota_key: { enum: ['namespace', 'repository', 'tag'] },
            quota_limit: { type: 'integer', minimum: -1, description: '-1: no limit.' },
            used: { type: 'integer', description: 'Of the account: with `namespace` only.' },
            unit: { type: 'string' },
          },
          ['quota_key', 'quota_limit', 'unit'],
        ),
      },
    },
    ['quotas'],
  ),
  UserAuth: object(
    {
      user_id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
      user_name: { type: 'string' },
      auth: { enum: [7, 3, 1] },
    },
    ['user_id', 'user_name', 'auth'],
  ),
  DockerLogin: object(
    {
      auths: {
        type: 'object',
        description: 'By registry, as docker names it.',
        additionalProperties: object({ auth: { type: 'string', description: 'Base64 of `PROJECT@AK:KEY`.' } }, [
          'auth',
        ]),
      },
    },
    ['auths'],
  ),
  Accelerator: object({ dockerhub_accelerator: { type: 'string' }, gcr_accelerator: { type: 'string' } }, [
    'dockerhub_accelerator',
    'gcr_accelerator',
  ]),
  Nothing: { type: 'object', maxProperties: 0 },
  Errors: object({ errors: { type: 'array', items: { $ref: '#/components/schemas/Error' } } }, ['errors']),
  Error: object(
    {
      code: { type: 'string', enum: Object.keys(REGISTRY_ERRORS) },
      message: { type: 'string', description: 'For people.' },
      detail: { description: 'What the error is about; absent with a 5xx.' },
    },
    ['code', 'message'],
  ),
  Catalog: object({ repositories: { type: 'array', items: { type: 'string' } } }, ['repositories']),
  TagList: object({ name: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } } }, ['name', 'tags']),
  ReferrerList: object(
    {
      schemaVersion: { const: 2 },
      mediaType: { const: 'application/vnd.oci.image.index.v1+json' },
      manifests: { type: 'array', items: { $ref: '#/components/schemas/Referrer' } },
    },
    ['schemaVersion', 'mediaType', 'manifests'],
  ),
  Referrer: object(
    {
      mediaType: { type: 'string' },
      digest: { type: 'string', pattern: `^${DIGEST}$` },
      size: { type: 'integer' },
      artifactType: { type: 'string', description: "The manifest's own, else the type of an image's config." },
      annotations: { type: 'object', additionalProperties: { type: 'string' } },
    },
    ['mediaType', 'digest', 'size'],
  ),
  ExtensionList: object({ extensions: { type: 'array', items: { type: 'object' } } }, ['extensions']),
  Token: object(
    {
      token: { type: 'string', description: 'A JWT, for `Authorization: Bearer`.' },
      access_token: { type: 'string', description: 'The same.' },
      expires_in: { type: 'integer', description: 'Seconds from `issued_at`.' },
      issued_at: { type: 'string', format: 'date-time' },
      refresh_token: { type: 'string', description: 'What to get the next tokens with, instead of a password.' },
      token_type: { const: 'Bearer', description: 'With POST.' },
      scope: { type: 'string', description: 'With POST: the scopes that the token allows, separated by spaces.' },
    },
    ['token', 'access_token', 'expires_in', 'issued_at'],
  ),
  TokenForm: object(
    {
      grant_type: { enum: ['password', 'refresh_token'] },
      service: { type: 'string', description: 'Any.' },
      client_id: { type: 'string', minLength: 1, description: 'The name of the program that asks.' },
      scope: { type: 'string', description: 'Scopes, separated by spaces.' },
      username: { type: 'string' },
      password: { type: 'string' },
      access_type: { enum: ['online', 'offline'], description: '`offline`: a refresh token as well.' },
      refresh_token: { type: 'string' },
    },
    ['grant_type', 'service', 'client_id'],
  ),
  TokenErrors: object(
    {
      error: { type: 'string', description: 'RFC 6749 section 5.2.' },
      error_description: { type: 'string' },
      errors: { type: 'array', items: { $ref: '#/components/schemas/Error' } },
    },
    ['error', 'errors'],
  ),
  Liveness: object({ status: { const: 'live' } }, ['status']),
  Readiness: object(
    {
      status: { enum: ['ready', 'not ready', 'stopping'] },
      checks: {
        type: 'object',
        additionalProperties: object({ status: { enum: ['up', 'down'] }, reason: { type: 'string' } }, ['status']),
      },
    },
    ['status', 'checks'],
  ),
};

export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of `/auth/token`. The list names the rights that it must carry on the repository.',
  },
  iamToken: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Auth-Token',
    description: 'A token of `POST /v3/auth/tokens`.',
  },
  signature: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'SDK-HMAC-SHA256 with an access key, as the SDKs sign.',
  },
  basic: {
    type: 'http',
    scheme: 'basic',
    description: "User and password. The rights are the user's, as they were at most BERTH_BASIC_SECONDS ago.",
  },
};

function inPath(name: string, description: string, schema: Schema): Parameter {
  return { name, in: 'path', required: true, description, schema: { type: 'string', ...schema } };
}

function object(properties: Record<string, Schema>, required: string[]): Schema {
  return { type: 'object', properties, required };
}
