import { LONGEST_UNTAGGED_SECONDS } from '@berth/contracts';
import { CATEGORIES, type SwrErrorName } from '@berth/swr';
import type { ManagementMethods } from '../management/management-routes.js';
import { TAG } from './components.js';
import type { Answer, EndpointDocumentation, ErrorCase } from './endpoint-documentation.js';
import type { RequestBody, Schema } from './openapi-document.js';

/** How the paths that the grammar reads look to people. */
export const MANAGEMENT_PATH_TEMPLATES: Record<keyof ManagementMethods, string> = {
  organisations: '/v2/manage/namespaces',
  organisation: '/v2/manage/namespaces/{namespace}',
  organisationAccess: '/v2/manage/namespaces/{namespace}/access',
  overview: '/v2/manage/overview',
  sharedRepositories: '/v2/manage/shared-repositories',
  repositories: '/v2/manage/repos',
  organisationRepositories: '/v2/manage/namespaces/{namespace}/repos',
  repository: '/v2/manage/namespaces/{namespace}/repos/{repository}',
  tags: '/v2/manage/namespaces/{namespace}/repos/{repository}/tags',
  tag: '/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}',
  repositoryAccess: '/v2/manage/namespaces/{namespace}/repos/{repository}/access',
  shares: '/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains',
  share: '/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{account}',
  organisationUntaggedPolicy: '/v2/manage/namespaces/{namespace}/untagged-policy',
  repositoryUntaggedPolicy: '/v2/manage/namespaces/{namespace}/repos/{repository}/untagged-policy',
  explanation: '/v2/manage/garbage/explain',
  repositoryExplanation: '/v2/manage/namespaces/{namespace}/repos/{repository}/garbage/explain',
  collectionPlan: '/v2/manage/garbage/plan',
  quotas: '/v2/manage/projects/{project}/quotas',
  dockerLogin: '/v2/manage/utils/secret',
  accelerator: '/v2/manage/domain/{domain_id}/accelerator',
  officialImages: '/v2/manage/dockerhub/repos',
  officialImage: '/v2/manage/dockerhub/namespaces/{namespace}/repos/{repository}',
  officialImageTags: '/v2/manage/dockerhub/namespaces/{namespace}/repos/{repository}/tags',
  audit: '/v2/manage/audit',
  organisationAudit: '/v2/manage/namespaces/{namespace}/audit',
  reconciliation: '/v2/manage/garbage/reconcile',
  reconciliationConfirmation: '/v2/manage/garbage/reconcile/confirm',
};

/** Of every endpoint of the management API. */
export const MANAGEMENT_ERRORS_OF_ALL: ErrorCase<SwrErrorName>[] = [
  'CREDENTIALS_MISSING',
  'TOKEN_INVALID',
  'SIGNATURE_INVALID',
  'BODY_MALFORMED',
  'BODY_TOO_LARGE',
  { code: 'THROTTLED', headers: ['Retry-After'] },
  { code: 'UNAVAILABLE', when: 'something behind the gateway is away', headers: ['Retry-After'] },
  'INTERNAL',
];

type ManagementDocumentation = {
  [Kind in keyof ManagementMethods]: Record<ManagementMethods[Kind], EndpointDocumentation<SwrErrorName>>;
};

const json = (schema: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } });
const DONE: Answer = { description: 'It is done.', content: json('Nothing') };
const GONE: Answer = { description: 'It is gone.' };

const LIST_OF_REPOSITORIES: Answer = {
  description: 'The page; empty where there is none.',
  content: json('RepositoryList'),
  headers: ['Content-Range'],
};

const PAGE_QUERIES = [
  query('limit', '100 where it is missing; with `offset` the answer has Content-Range.', {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
  }),
  query('offset', '0 where it is missing.', { type: 'integer', minimum: 0, maximum: 1_000_000_000 }),
];
const AUDIT_DESCRIPTION =
  'A page may have fewer records than `limit`, none even, while `next` names a marker: each page looks at a bounded number of them.';
const AUDIT_QUERIES = [
  query('limit', '100 where it is missing.', { type: 'integer', minimum: 1, maximum: 1000 }),
  query('marker', '`next` of the page before.'),
  query('since', 'From then on.', { format: 'date-time' }),
  query('until', 'That moment is left out.', { format: 'date-time' }),
  query('user_id', 'Who changed it.'),
  query('action', 'What was done, as `tag.move`.'),
  query('resource', 'With what, as `team/app:v1`.'),
];
const FILTER_QUERY = query(
  'filter',
  'The same as `key::value|key::value`; what it names goes before the other parameters.',
);
const REPOSITORY_QUERIES = [
  query('namespace', 'A part of the name of the organisation.'),
  query('name', 'A part of the name of the repository.'),
  query('category', 'The category.', { enum: [...CATEGORIES] }),
  query('is_public', 'The visibility.', { enum: ['true', 'false'] }),
];
const REPOSITORY_ORDERS = ['updated_at', 'updated_time', 'name', 'namespace', 'tag_count', 'is_public'];
const CENTERS = ['self', 'thirdparty'];

const ATTRIBUTES = { $ref: '#/components/schemas/RepositoryAttributes' };
const USER_AUTHS: RequestBody = body({
  type: 'array',
  minItems: 1,
  maxItems: 500,
  items: { $ref: '#/components/schemas/UserAuth' },
});

const UNTAGGED_POLICY: Answer = { description: 'Its own, and the one that counts.', content: json('UntaggedPolicy') };
/** Berth's own: the API that this is compatible with has nothing like it. */
const untaggedPolicyOf = (what: string): ManagementDocumentation['repositoryUntaggedPolicy'] => ({
  GET: {
    summary: `Shows what becomes of untagged manifests in ${what}. An endpoint of Berth's own.`,
    answers: { 200: UNTAGGED_POLICY },
    errors: [],
  },
  PUT: {
    summary: `Sets what becomes of untagged manifests in ${what}. An endpoint of Berth's own.`,
    body: body({
      type: 'object',
      description: 'One of the two.',
      properties: {
        keep: { type: 'boolean', description: 'True: they are kept.' },
        after_seconds: { type: 'integer', minimum: 0, maximum: LONGEST_UNTAGGED_SECONDS },
      },
    }),
    answers: { 200: UNTAGGED_POLICY },
    errors: ['FIELD_MISSING', 'FIELD_INVALID'],
  },
  DELETE: {
    summary: `Takes the policy of ${what} away: that of what it belongs to counts. An endpoint of Berth's own.`,
    answers: { 204: GONE },
    errors: [],
  },
});

const EXPLAINED: Answer = { description: 'Each place, with what keeps it there.', content: json('ExplainedDigest') };
const DIGEST_QUERY = { ...query('digest', 'Of a blob or a manifest.', { maxLength: 135 }), required: true };

/** What the document says about each endpoint of the management API. One that a path has and this has not does not compile. */
export const MANAGEMENT_DOCUMENTATION: ManagementDocumentation = {
  organisations: {
    GET: {
      summary: 'Lists the organisations that the user sees, by name.',
      parameters: [
        query('namespace', 'This one only.'),
        query('mode', '`visible`: those too where only a repository is granted.', { enum: ['visible'] }),
        query('filter', 'The same as `namespace::x|mode::visible`; what it names goes before the other parameters.'),
      ],
      answers: { 200: { description: 'The list; empty where there is none.', content: json('NamespaceList') } },
      errors: ['FILTER_INVALID', 'QUERY_INVALID'],
    },
    POST: {
      summary: 'Makes an organisation in the account of the user.',
      body: body({
        type: 'object',
        properties: { namespace: { type: 'string', minLength: 1, maxLength: 64 } },
        required: ['namespace'],
      }),
      answers: { 201: DONE },
      errors: [
        'ORGANISATION_NAME_INVALID',
        'FIELD_MISSING',
        'ORGANISATION_QUOTA_REACHED',
        { code: 'ORGANISATION_EXISTS', when: 'it exists, in whosever account' },
      ],
    },
  },
  organisation: {
    GET: {
      summary: 'Shows an organisation.',
      answers: { 200: { description: 'The organisation.', content: json('Namespace') } },
      errors: [],
    },
    DELETE: {
      summary: 'Deletes an organisation that has no repositories.',
      answers: { 204: GONE },
      errors: ['ORGANISATION_NOT_EMPTY'],
    },
  },
  organisationAccess: {
    GET: {
      summary: 'Shows who may do what in an organisation.',
      answers: { 200: { description: 'The user, and the others.', content: json('NamespaceAuth') } },
      errors: [],
    },
    POST: {
      summary: 'Gives users of the account a permission: all of them or none.',
      body: USER_AUTHS,
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'PERMISSION_INVALID', 'USER_INVALID', 'PERMISSION_EXISTS'],
    },
    PATCH: {
      summary: 'Changes permissions: all of them or none.',
      body: USER_AUTHS,
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'PERMISSION_INVALID', 'USER_INVALID', 'PERMISSION_UNKNOWN'],
    },
    DELETE: {
      summary: 'Takes permissions away: all of them or none.',
      body: body({ type: 'array', minItems: 1, maxItems: 500, items: { type: 'string' } }),
      answers: { 204: GONE },
      errors: ['USER_INVALID', 'PERMISSION_UNKNOWN'],
    },
  },
  overview: {
    GET: {
      summary: 'Shows what the account has in all.',
      answers: { 200: { description: 'The sums.', content: json('Overview') } },
      errors: [],
    },
  },
  repositories: {
    GET: {
      summary: 'Lists the repositories of the account that the user may read by a permission.',
      parameters: [
        ...REPOSITORY_QUERIES,
        query('center', '`thirdparty`: those that other accounts share with this one.', { enum: CENTERS }),
        ...pageQueries(REPOSITORY_ORDERS),
      ],
      answers: { 200: LIST_OF_REPOSITORIES },
      errors: ['FILTER_INVALID', 'PAGE_INVALID', 'QUERY_INVALID'],
    },
  },
  sharedRepositories: {
    GET: {
      summary: 'Lists what the account shares and the user may read by a permission, or what others share with it.',
      description:
        'A share that has lapsed is shown too: of what others shared, by its name, without tags, description and numbers.',
      parameters: [
        ...REPOSITORY_QUERIES,
        query('center', '`self`, which it is without, or `thirdparty`: by other accounts.', { enum: CENTERS }),
        query('domain_name', 'The account whose they are.'),
        query('status', 'The share is valid, or one of several is; or has lapsed.', { enum: ['true', 'false'] }),
        ...pageQueries([...REPOSITORY_ORDERS, 'domain_name']),
      ],
      answers: { 200: LIST_OF_REPOSITORIES },
      errors: ['FILTER_INVALID', 'PAGE_INVALID', 'QUERY_INVALID'],
    },
  },
  organisationRepositories: {
    POST: {
      summary: 'Makes an empty repository.',
      body: body({
        allOf: [
          ATTRIBUTES,
          {
            type: 'object',
            properties: { repository: { type: 'string', minLength: 1, maxLength: 128 } },
            required: ['repository', 'is_public'],
          },
        ],
      }),
      answers: { 201: DONE },
      errors: [
        'REPOSITORY_NAME_INVALID',
        'FIELD_MISSING',
        'FIELD_INVALID',
        'VISIBILITY_INVALID',
        'DESCRIPTION_TOO_LONG',
        'REPOSITORY_EXISTS',
        'REPOSITORY_QUOTA_REACHED',
      ],
    },
  },
  repository: {
    GET: {
      summary: 'Shows a repository.',
      answers: { 200: { description: 'The repository.', content: json('Repository') } },
      errors: [],
    },
    PATCH: {
      summary: 'Changes what is given of a repository.',
      body: body({ allOf: [ATTRIBUTES, { type: 'object', minProperties: 1 }] }),
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'FIELD_INVALID', 'VISIBILITY_INVALID', 'DESCRIPTION_TOO_LONG'],
    },
    DELETE: {
      summary: 'Deletes a repository that has no tag, with all that it has.',
      answers: { 204: GONE },
      errors: ['REPOSITORY_NOT_EMPTY', { code: 'BUSY', when: 'pushes into it do not end: the next try goes on' }],
    },
  },
  tags: {
    GET: {
      summary: 'Lists the tags of a repository, with the manifests that they name.',
      parameters: [query('tag', 'A part of the tag.'), ...pageQueries(['updated_at', 'updated_time', 'tag'])],
      answers: {
        200: {
          description: 'The page; empty where there is none.',
          content: json('RepositoryTagList'),
          headers: ['Content-Range'],
        },
      },
      errors: ['FILTER_INVALID', 'PAGE_INVALID', 'QUERY_INVALID'],
    },
    POST: {
      summary: 'Gives another tag to what a tag names. To whoever hears of pushes it is one.',
      body: body({
        type: 'object',
        properties: {
          source_tag: { type: 'string', pattern: `^${TAG}$` },
          destination_tag: { type: 'string', pattern: `^${TAG}$` },
          override: { type: 'boolean', description: 'Moves the tag where it is there already.' },
        },
        required: ['source_tag', 'destination_tag'],
      }),
      answers: { 201: DONE },
      errors: [
        'FIELD_MISSING',
        'FIELD_INVALID',
        { code: 'TAG_UNKNOWN', when: 'there is no `source_tag`' },
        'TAG_QUOTA_REACHED',
        { code: 'TAG_EXISTS', when: '`destination_tag` is there and `override` is not true' },
        'BUSY',
      ],
    },
  },
  tag: {
    GET: {
      summary: 'Shows a tag, with the manifest that it names.',
      answers: { 200: { description: 'The tag.', content: json('RepositoryTag') } },
      errors: ['TAG_UNKNOWN'],
    },
    DELETE: {
      summary: 'Deletes a tag, and not what it names.',
      answers: { 204: GONE },
      errors: ['TAG_UNKNOWN'],
    },
  },
  repositoryAccess: {
    GET: {
      summary: 'Shows who may do what in a repository, by a permission in it.',
      description: 'To users of another account, who may read what is public or shared, it is denied.',
      answers: { 200: { description: 'The user, with all rights, and the others.', content: json('RepositoryAuth') } },
      errors: [],
    },
    POST: {
      summary: 'Gives users of the account a permission in a repository: all of them or none.',
      body: USER_AUTHS,
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'PERMISSION_INVALID', 'USER_INVALID', 'PERMISSION_EXISTS'],
    },
    PATCH: {
      summary: 'Changes permissions in a repository: all of them or none.',
      body: USER_AUTHS,
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'PERMISSION_INVALID', 'USER_INVALID', 'PERMISSION_UNKNOWN'],
    },
    DELETE: {
      summary: 'Takes permissions in a repository away: all of them or none.',
      body: body({ type: 'array', minItems: 1, maxItems: 500, items: { type: 'string' } }),
      answers: { 204: GONE },
      errors: ['USER_INVALID', 'PERMISSION_UNKNOWN'],
    },
  },
  shares: {
    GET: {
      summary: 'Lists the accounts that a repository is shared with, by name.',
      description: 'Those whose last day is over too. `repos` is another spelling of `repositories` in the path.',
      answers: { 200: { description: 'The list; at most 500.', content: json('ShareList') } },
      errors: [],
    },
    POST: {
      summary: 'Shares a repository with another account, for it to read.',
      body: body({ $ref: '#/components/schemas/NewShare' }),
      answers: { 201: DONE },
      errors: [
        'FIELD_MISSING',
        { code: 'FIELD_INVALID', when: 'a field is invalid, or the repository is shared with 500 accounts already' },
        { code: 'SHARE_ACCOUNT_INVALID', when: "there is no such account, or the repository is the account's own" },
        'SHARE_PERMIT_INVALID',
        'DESCRIPTION_TOO_LONG',
        'SHARE_EXISTS',
      ],
    },
  },
  share: {
    GET: {
      summary: 'Shows how a repository is shared with an account.',
      answers: { 200: { description: 'The share, or that there is none.', content: json('ShareOrNone') } },
      errors: [],
    },
    PATCH: {
      summary: 'Changes a share. A description that is not sent is an empty one.',
      body: body({ $ref: '#/components/schemas/ShareTerms' }),
      answers: { 201: DONE },
      errors: ['FIELD_MISSING', 'FIELD_INVALID', 'SHARE_PERMIT_INVALID', 'DESCRIPTION_TOO_LONG', 'SHARE_UNKNOWN'],
    },
    DELETE: {
      summary: 'Ends a share.',
      answers: { 204: GONE },
      errors: ['SHARE_UNKNOWN'],
    },
  },
  organisationUntaggedPolicy: untaggedPolicyOf('an organisation'),
  repositoryUntaggedPolicy: untaggedPolicyOf('a repository'),
  explanation: {
    GET: {
      summary: "Explains, to an operator, why a digest is kept anywhere, or when it goes. An endpoint of Berth's own.",
      parameters: [DIGEST_QUERY],
      answers: { 200: EXPLAINED },
      errors: ['QUERY_INVALID', { code: 'PERMISSION_DENIED', when: 'the user is no operator' }],
    },
  },
  repositoryExplanation: {
    GET: {
      summary: "Explains why a digest is kept in a repository, or when it goes. An endpoint of Berth's own.",
      parameters: [DIGEST_QUERY],
      answers: { 200: EXPLAINED },
      errors: ['QUERY_INVALID'],
    },
  },
  collectionPlan: {
    GET: {
      summary: "Shows, to an operator, what a collection would remove now. An endpoint of Berth's own.",
      answers: { 200: { description: 'What would go; nothing is changed.', content: json('CollectionPlan') } },
      errors: [{ code: 'PERMISSION_DENIED', when: 'the user is no operator' }],
    },
  },
  quotas: {
    GET: {
      summary: 'Shows what the account of the user may have at most.',
      description:
        '`namespace`: organisations of the account. Where they are set, `repository`: of each organisation, and `tag`: of each repository.',
      answers: { 200: { description: 'The quotas.', content: json('QuotaList') } },
      errors: [{ code: 'URL_UNKNOWN', when: 'the account has no such project' }],
    },
  },
  dockerLogin: {
    POST: {
      summary: 'Makes a docker login that ends by itself.',
      description: 'It is shown in this answer and never again. It is good for docker alone: it signs no requests.',
      parameters: [
        query('projectname', 'A project of the account; without it the one of the region.'),
        query('duration_seconds', 'How long it lasts, in seconds; 86400 without.', {
          type: 'integer',
          minimum: 900,
          maximum: 86_400,
        }),
      ],
      answers: {
        200: {
          description: 'The login, in the header as a command, in the body as a part of `~/.docker/config.json`.',
          headers: ['X-Swr-Dockerlogin', 'X-Swr-Expireat', 'Cache-Control'],
          content: json('DockerLogin'),
        },
      },
      errors: ['QUERY_INVALID'],
    },
  },
  accelerator: {
    GET: {
      summary: 'Shows the mirrors of Docker Hub and gcr.io. Also as `accelerators`.',
      answers: { 200: { description: 'The mirrors, as `host` or `host:port`.', content: json('Accelerator') } },
      errors: [{ code: 'ACCOUNT_DENIED', when: 'that is not the account of the user, or not one at all' }],
    },
  },
  officialImages: {
    GET: {
      summary: 'Lists the official images, by name: the public repositories of one organisation.',
      parameters: [
        query('namespace', 'The organisation; of another one there is none.'),
        query('image_name', 'A part of the name.'),
        ...PAGE_QUERIES,
        FILTER_QUERY,
      ],
      answers: { 200: officialPage('OfficialImageList') },
      errors: ['FILTER_INVALID', 'PAGE_INVALID', 'QUERY_INVALID'],
    },
  },
  officialImage: {
    GET: {
      summary: 'Shows an official image.',
      answers: { 200: { description: 'The image.', content: json('OfficialImage') } },
      errors: ['REPOSITORY_UNKNOWN'],
    },
  },
  officialImageTags: {
    GET: {
      summary: 'Lists the tags of an official image; what changed last comes first.',
      parameters: [...PAGE_QUERIES, FILTER_QUERY],
      answers: { 200: officialPage('OfficialImageTagList') },
      errors: ['REPOSITORY_UNKNOWN', 'FILTER_INVALID', 'PAGE_INVALID', 'QUERY_INVALID'],
    },
  },
  audit: {
    GET: {
      summary: 'Lists who changed what, the latest first. For operators.',
      description: AUDIT_DESCRIPTION,
      parameters: [
        query('namespace', 'Of this organisation, and of those that had its name before.'),
        ...AUDIT_QUERIES,
      ],
      answers: { 200: { description: 'The page.', content: json('AuditRecords') } },
      errors: [{ code: 'PERMISSION_DENIED', when: 'the user is no operator' }, 'QUERY_INVALID', 'PAGE_INVALID'],
    },
  },
  organisationAudit: {
    GET: {
      summary: 'Lists who changed what in an organisation since it was made, the latest first. For its managers.',
      description: AUDIT_DESCRIPTION,
      parameters: AUDIT_QUERIES,
      answers: { 200: { description: 'The page.', content: json('AuditRecords') } },
      errors: ['QUERY_INVALID', 'PAGE_INVALID'],
    },
  },
  reconciliation: {
    GET: {
      summary: 'Shows how far rows and objects are compared, and what was found. For operators.',
      description:
        'Up to 1,000 blobs in quarantine are named. The counts of a task are of its run, or of the last one.',
      answers: { 200: { description: 'The state.', content: json('Reconciliation') } },
      errors: [{ code: 'PERMISSION_DENIED', when: 'the user is no operator' }],
    },
  },
  reconciliationConfirmation: {
    POST: {
      summary: 'Lets a task that is held go on. For operators.',
      description: 'In its run it is not held for the same question again; for another one it is.',
      body: body({
        type: 'object',
        properties: {
          task: { enum: ['objects', 'scrub'] },
          held: { type: 'string', description: 'Why it is held, as it was shown.' },
        },
        required: ['task', 'held'],
      }),
      answers: {
        200: {
          description: 'The task; none where it is not held for that now.',
          content: json('ConfirmedReconciliation'),
        },
      },
      errors: ['FIELD_MISSING', 'FIELD_INVALID', { code: 'PERMISSION_DENIED', when: 'the user is no operator' }],
    },
  },
};

/** `offset-limit/total` in Content-Range. */
function officialPage(schema: string): Answer {
  return {
    description: 'The page; empty where there is none. Content-Range names the limit, not the number of rows.',
    content: json(schema),
    headers: ['Content-Range'],
  };
}

function pageQueries(columns: string[]) {
  return [
    ...PAGE_QUERIES,
    query('order_column', 'What changed last comes first where it is missing.', { enum: columns }),
    query('order_type', 'The direction.', { enum: ['asc', 'desc'] }),
    FILTER_QUERY,
  ];
}

function body(schema: Schema): RequestBody {
  return { description: 'JSON, 1 MiB at most.', required: true, content: { 'application/json': { schema } } };
}

function query(name: string, description: string, schema: Schema = {}) {
  return { name, in: 'query' as const, description, schema: { type: 'string', ...schema } };
}
