import { TOKEN_PATH } from '../auth/authorizer.js';
import { SWR_TOKEN_PATH } from '../auth/token.controller.js';
import {
  type Answer,
  type EndpointDocumentation,
  FAULTS,
  type NarrowedError,
  TOO_MANY_REQUESTS,
} from './endpoint-documentation.js';
import type { Parameter } from './openapi-document.js';

const WRONG_CREDENTIALS: NarrowedError = {
  code: 'UNAUTHORIZED',
  when: 'name and password are wrong, or not Basic',
  headers: ['WWW-Authenticate'],
};

const TOKEN: Answer = {
  description: 'The token.',
  headers: ['Cache-Control'],
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Token' } } },
};

const TOKEN_ENDPOINT: Record<string, EndpointDocumentation> = {
  GET: {
    summary: 'Gives a bearer token: the rights that are asked for, as far as they are allowed.',
    description:
      'With Basic credentials for a user, without for an anonymous client. Fewer rights than asked are no error. Other parameters of the Docker token protocol (service, account, client_id) are taken and mean nothing.',
    parameters: [
      {
        name: 'scope',
        in: 'query',
        description: '`type:name:actions`, repeated or separated by spaces: `repository:library/busybox:pull,push`.',
        style: 'form',
        explode: true,
        schema: { type: 'array', items: { type: 'string' } },
      },
      {
        name: 'offline_token',
        in: 'query',
        description: '`true`: a refresh token as well, for a user.',
        schema: { type: 'string' },
      },
    ],
    answers: { 200: TOKEN },
    errors: [WRONG_CREDENTIALS, TOO_MANY_REQUESTS, ...FAULTS],
  },
  POST: {
    summary: 'Gives a bearer token for a password or a refresh token.',
    description:
      "The rights are those of now. A refresh token comes back as it is; a new password ends it, and so does a disabled user. An error has the fields of RFC 6749 beside the registry's own.",
    body: {
      description: 'The form. `scope` may be repeated, nothing else may; 64 KiB at most.',
      required: true,
      content: { 'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/TokenForm' } } },
    },
    answers: { 200: TOKEN },
    errors: [
      { code: 'UNSUPPORTED', status: 400, when: 'grant_type is another, or a field is missing or given twice' },
      { code: 'UNSUPPORTED', status: 413, when: 'the form is too large' },
      { code: 'UNSUPPORTED', status: 415, when: 'the body is no form' },
      { code: 'SIZE_INVALID', when: 'the body ended early' },
      { ...WRONG_CREDENTIALS, when: 'name and password, or the refresh token, are not valid' },
      TOO_MANY_REQUESTS,
      ...FAULTS,
    ],
    errorSchema: 'TokenErrors',
  },
};

const IAM_ERROR = {
  'application/json': { schema: { $ref: '#/components/schemas/IamErrors' } },
};
const IAM_FAULTS: Record<number, Answer> = {
  401: { description: 'The credentials are missing, or are not valid now.', content: IAM_ERROR },
  413: { description: 'The body is larger than 64 KiB.', content: IAM_ERROR },
  429: { description: 'Too many requests.', headers: ['Retry-After'], content: IAM_ERROR },
  500: { description: 'It is our fault.', content: IAM_ERROR },
  503: { description: 'Something behind the gateway is away.', headers: ['Retry-After'], content: IAM_ERROR },
};
const anObject = { 'application/json': { schema: { type: 'object' } } };

const IAM_TOKENS: EndpointDocumentation = {
  summary: 'Gives a token of the management API for a password, in X-Subject-Token. It lasts 24 hours.',
  description:
    'The scope is a project by name or id, or the account. `domain` is the account, `user` a user of it: `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name","password","domain":{"name"}}}},"scope":{"project":{"name"}}}}`.',
  body: { description: 'JSON, 64 KiB at most.', required: true, content: anObject },
  answers: {
    201: {
      description: 'The token, and whose it is.',
      headers: ['X-Subject-Token', 'Cache-Control'],
      content: anObject,
    },
    400: { description: 'The body is not that.', content: IAM_ERROR },
    403: { description: "The scope names another account than the user's.", content: IAM_ERROR },
    404: { description: 'The account has no such project.', content: IAM_ERROR },
    ...IAM_FAULTS,
  },
  errors: [],
};

const ONE_NAME: Parameter = {
  name: 'name',
  in: 'query',
  description: 'This one only.',
  schema: { type: 'string' },
};
const OF_DOMAIN: Parameter = {
  name: 'domain_id',
  in: 'query',
  description: "Of this account; without it of one's own. Operators may name any.",
  schema: { type: 'string' },
};
const PAGE: Parameter[] = [
  ONE_NAME,
  {
    name: 'limit',
    in: 'query',
    description: 'How many at most, 1 to 1000.',
    schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
  },
  {
    name: 'marker',
    in: 'query',
    description: 'The name behind which the page begins; `links.next` has it for the next one.',
    schema: { type: 'string' },
  },
];
const IAM_BAD_QUERY: Record<number, Answer> = {
  400: { description: 'A parameter of the query makes no sense.', content: IAM_ERROR },
};

const entity = (key: string, component: string) => ({
  'application/json': {
    schema: { type: 'object', properties: { [key]: { $ref: `#/components/schemas/${component}` } }, required: [key] },
  },
});
const listOf = (key: string, component: string) => ({
  'application/json': {
    schema: {
      type: 'object',
      properties: {
        [key]: { type: 'array', items: { $ref: `#/components/schemas/${component}` } },
        links: { type: 'object' },
      },
      required: [key, 'links'],
    },
  },
});

const IAM_BAD_BODY: Record<number, Answer> = { 400: { description: 'The body is not that.', content: IAM_ERROR } };
const IAM_DENIED: Record<number, Answer> = {
  403: { description: 'That user is of another account, or the actor no administrator.', content: IAM_ERROR },
};
const NO_SUCH_KEY: Record<number, Answer> = {
  404: { description: 'There is no such key, or it is not for the actor to change.', content: IAM_ERROR },
};
const CREDENTIALS: Record<string, EndpointDocumentation> = {
  POST: {
    summary: 'Makes an access key, for oneself or by an administrator for a user of its account.',
    description: 'The secret is shown in this answer and never again: `{"credential":{"user_id","description"}}`.',
    body: { description: 'JSON, 64 KiB at most.', required: true, content: anObject },
    answers: {
      201: { description: 'The key and its secret.', headers: ['Cache-Control'], content: anObject },
      409: { description: 'The user has 20 access keys.', content: IAM_ERROR },
      ...IAM_BAD_BODY,
      ...IAM_DENIED,
      ...IAM_FAULTS,
    },
    errors: [],
  },
  GET: {
    summary: 'Lists access keys, without their secrets.',
    parameters: [{ name: 'user_id', in: 'query', description: 'Whose; oneself without.', schema: { type: 'string' } }],
    answers: {
      200: { description: 'The keys.', content: anObject },
      ...IAM_BAD_BODY,
      ...IAM_DENIED,
      ...IAM_FAULTS,
    },
    errors: [],
  },
};
const CREDENTIAL: Record<string, EndpointDocumentation> = {
  PUT: {
    summary: 'Disables or enables an access key: `{"credential":{"status":"inactive"}}`.',
    body: { description: 'JSON, 64 KiB at most.', required: true, content: anObject },
    answers: {
      200: { description: 'The key and its status.', content: anObject },
      ...IAM_BAD_BODY,
      ...NO_SUCH_KEY,
      ...IAM_FAULTS,
    },
    errors: [],
  },
  DELETE: {
    summary: 'Removes an access key.',
    answers: { 204: { description: 'It is gone.' }, ...NO_SUCH_KEY, ...IAM_FAULTS },
    errors: [],
  },
};

const JSON_BODY = { description: 'JSON, 64 KiB at most.', required: true, content: anObject };
const NO_OPERATOR: Record<number, Answer> = {
  403: { description: 'The actor is no administrator of the first account.', content: IAM_ERROR },
};
const NO_ADMINISTRATOR: Record<number, Answer> = {
  403: { description: 'The actor is no administrator.', content: IAM_ERROR },
};
const nothingSuch = (what: string): Record<number, Answer> => ({
  404: { description: `There is no such ${what}, or it is not the actor's to see.`, content: IAM_ERROR },
});
const standsInTheWay = (description: string): Record<number, Answer> => ({ 409: { description, content: IAM_ERROR } });

const SHOW_TOKEN: EndpointDocumentation = {
  summary: 'Shows whose a token of the management API is, for which project, and until when.',
  parameters: [
    {
      name: 'X-Subject-Token',
      in: 'header',
      required: true,
      description: 'The token. It may be the one in X-Auth-Token.',
      schema: { type: 'string' },
    },
  ],
  answers: {
    200: { description: 'Whose it is.', headers: ['X-Subject-Token', 'Cache-Control'], content: anObject },
    400: { description: 'X-Subject-Token is missing.', content: IAM_ERROR },
    404: { description: 'It is not valid now, or of another account.', content: IAM_ERROR },
    ...IAM_FAULTS,
  },
  errors: [],
};

const PROJECTS: Record<string, EndpointDocumentation> = {
  GET: {
    summary: 'Lists the projects of an account.',
    parameters: [ONE_NAME, OF_DOMAIN],
    answers: {
      200: { description: 'The projects.', content: listOf('projects', 'IamProject') },
      ...IAM_BAD_QUERY,
      ...IAM_FAULTS,
    },
    errors: [],
  },
  POST: {
    summary: 'Makes a project, by an administrator of its account: `{"project":{"name","domain_id"}}`.',
    body: JSON_BODY,
    answers: {
      201: { description: 'The project.', content: entity('project', 'IamProject') },
      ...IAM_BAD_BODY,
      ...NO_ADMINISTRATOR,
      ...nothingSuch('account'),
      ...standsInTheWay('The account has a project of the name, or 100 projects.'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
};

const ACCOUNTS: Record<string, EndpointDocumentation> = {
  POST: {
    summary: 'Makes an account with its project, by an operator: `{"domain":{"name","description","enabled"}}`.',
    description: 'It may own BERTH_ORGANISATION_QUOTA organisations until that is changed.',
    body: JSON_BODY,
    answers: {
      201: { description: 'The account.', content: entity('domain', 'IamDomain') },
      ...IAM_BAD_BODY,
      ...NO_OPERATOR,
      ...standsInTheWay('The name is taken.'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
  GET: {
    summary: 'Lists accounts by name, for an operator.',
    parameters: PAGE,
    answers: {
      200: { description: 'A page.', content: listOf('domains', 'IamDomain') },
      ...IAM_BAD_QUERY,
      ...NO_OPERATOR,
      ...IAM_FAULTS,
    },
    errors: [],
  },
};
const ACCOUNT: Record<string, EndpointDocumentation> = {
  GET: {
    summary: 'Shows an account, for an operator.',
    answers: {
      200: { description: 'The account.', content: entity('domain', 'IamDomain') },
      ...NO_OPERATOR,
      ...nothingSuch('account'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
  PATCH: {
    summary:
      'Changes what is given of an account, by an operator: `{"domain":{"enabled","description","organisation_quota"}}`.',
    description: 'Of a disabled account no user can do anything. A quota of null is no limit.',
    body: JSON_BODY,
    answers: {
      200: { description: 'The account as it is now.', content: entity('domain', 'IamDomain') },
      ...IAM_BAD_BODY,
      ...NO_OPERATOR,
      ...nothingSuch('account'),
      ...standsInTheWay('It is the first account, and would be disabled.'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
};

const USERS: Record<string, EndpointDocumentation> = {
  POST: {
    summary:
      'Makes a user, by an administrator of its account: `{"user":{"name","password","domain_id","enabled","description","is_administrator"}}`.',
    description: 'A name is 1 to 64 characters without `/`, `@` and `:`, a password 8 to 4096 characters.',
    body: JSON_BODY,
    answers: {
      201: { description: 'The user.', content: entity('user', 'IamUser') },
      ...IAM_BAD_BODY,
      ...NO_ADMINISTRATOR,
      ...nothingSuch('account'),
      ...standsInTheWay('The account has a user of the name.'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
  GET: {
    summary: 'Lists users of an account by name, for its administrators.',
    parameters: [OF_DOMAIN, ...PAGE],
    answers: {
      200: { description: 'A page.', content: listOf('users', 'IamUser') },
      ...IAM_BAD_QUERY,
      ...NO_ADMINISTRATOR,
      ...IAM_FAULTS,
    },
    errors: [],
  },
};
const USER: Record<string, EndpointDocumentation> = {
  GET: {
    summary: 'Shows a user: oneself, or for an administrator of its account.',
    answers: {
      200: { description: 'The user.', content: entity('user', 'IamUser') },
      ...nothingSuch('user'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
  PATCH: {
    summary:
      'Changes what is given of a user, by an administrator of its account: `{"user":{"enabled","password","description"}}`.',
    body: JSON_BODY,
    answers: {
      200: { description: 'The user as it is now.', content: entity('user', 'IamUser') },
      ...IAM_BAD_BODY,
      ...NO_ADMINISTRATOR,
      ...nothingSuch('user'),
      ...standsInTheWay('It is the last enabled administrator of the first account, and would be disabled.'),
      ...IAM_FAULTS,
    },
    errors: [],
  },
};
const USER_PASSWORD: EndpointDocumentation = {
  summary: 'Changes one\'s own password: `{"user":{"original_password","password"}}`.',
  body: JSON_BODY,
  answers: {
    204: { description: 'It is the new one from now on.' },
    ...IAM_BAD_BODY,
    ...nothingSuch('user'),
    ...IAM_FAULTS,
    401: { description: 'The credentials, or the original password, are not valid.', content: IAM_ERROR },
  },
  errors: [],
};

const REGIONS: EndpointDocumentation = {
  summary: 'Lists the regions: the one there is.',
  answers: { 200: { description: 'The region.', content: listOf('regions', 'IamRegion') }, ...IAM_FAULTS },
  errors: [],
};
const REGION: EndpointDocumentation = {
  summary: 'Shows the region.',
  answers: {
    200: { description: 'The region.', content: entity('region', 'IamRegion') },
    ...nothingSuch('region'),
    ...IAM_FAULTS,
  },
  errors: [],
};

const VERSIONS: EndpointDocumentation = {
  summary: 'Lists the versions of the management API.',
  answers: { 200: { description: 'The versions.', content: anObject } },
  errors: [],
};
const VERSION: EndpointDocumentation = {
  summary: 'Shows the version 2 of the management API. With a slash at the end it is the registry.',
  answers: { 200: { description: 'The version.', content: anObject } },
  errors: [],
};

const DOMAINS: EndpointDocumentation = {
  summary: 'Lists the accounts of the user: its own.',
  answers: { 200: { description: 'The account.', content: anObject }, ...IAM_FAULTS },
  errors: [],
};

/** The endpoints besides the registry's, by path and method. A test holds them against the gateway's controllers. */
export const SERVICE_DOCUMENTATION: Record<string, Record<string, EndpointDocumentation>> = {
  [TOKEN_PATH]: TOKEN_ENDPOINT,
  [SWR_TOKEN_PATH]: TOKEN_ENDPOINT,
  '/': { GET: VERSIONS },
  '/v2': { GET: VERSION },
  '/v3/auth/tokens': { POST: IAM_TOKENS, GET: SHOW_TOKEN },
  '/v3.0/OS-CREDENTIAL/credentials': CREDENTIALS,
  '/v3.0/OS-CREDENTIAL/credentials/{accessKey}': CREDENTIAL,
  '/v3/projects': PROJECTS,
  '/v3/domains': ACCOUNTS,
  '/v3/domains/{domainId}': ACCOUNT,
  '/v3/users': USERS,
  '/v3/users/{userId}': USER,
  '/v3/users/{userId}/password': { POST: USER_PASSWORD },
  '/v3/regions': { GET: REGIONS },
  '/v3/regions/{regionId}': { GET: REGION },
  '/v3/auth/domains': { GET: DOMAINS },
  '/livez': {
    GET: {
      summary: 'Says that the process answers.',
      answers: {
        200: {
          description: 'It does.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Liveness' } } },
        },
      },
      errors: [],
    },
  },
  '/readyz': {
    GET: {
      summary: 'Says whether the process can serve, with each thing that it needs by name.',
      answers: {
        200: {
          description: 'It can.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Readiness' } } },
        },
        503: {
          description: 'It cannot, or it is stopping.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Readiness' } } },
        },
      },
      errors: [],
    },
  },
  '/openapi.json': {
    GET: {
      summary: 'This document.',
      answers: {
        200: {
          description: 'OpenAPI 3.1.',
          headers: ['ETag', 'Cache-Control'],
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        304: { description: 'The client has it: If-None-Match names it.', headers: ['ETag', 'Cache-Control'] },
      },
      errors: [TOO_MANY_REQUESTS],
    },
  },
};

/** Which of these need the credentials of the management API: by path, or by method and path. */
export const NEEDS_ACTOR = new Set([
  '/v3.0/OS-CREDENTIAL/credentials',
  '/v3.0/OS-CREDENTIAL/credentials/{accessKey}',
  '/v3/projects',
  '/v3/auth/domains',
  'GET /v3/auth/tokens',
  '/v3/domains',
  '/v3/domains/{domainId}',
  '/v3/users',
  '/v3/users/{userId}',
  '/v3/users/{userId}/password',
  '/v3/regions',
  '/v3/regions/{regionId}',
]);

/** Which of these take Basic credentials with GET, and may do without. */
export const TAKES_BASIC = new Set([TOKEN_PATH, SWR_TOKEN_PATH]);
