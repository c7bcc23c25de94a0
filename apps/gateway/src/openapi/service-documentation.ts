import { TOKEN_PATH } from '../auth/authorizer.js';
import { SWR_TOKEN_PATH } from '../auth/token.controller.js';
import {
  type Answer,
  type EndpointDocumentation,
  FAULTS,
  type NarrowedError,
  TOO_MANY_REQUESTS,
} from './endpoint-documentation.js';

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
    ...IAM_FAULTS,
  },
  errors: [],
};

const PROJECTS: EndpointDocumentation = {
  summary: 'Lists the projects of the account.',
  parameters: [{ name: 'name', in: 'query', description: 'This one only.', schema: { type: 'string' } }],
  answers: { 200: { description: 'The projects.', content: anObject }, ...IAM_FAULTS },
  errors: [],
};

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
  '/v3/auth/tokens': { POST: IAM_TOKENS },
  '/v3.0/OS-CREDENTIAL/credentials': CREDENTIALS,
  '/v3.0/OS-CREDENTIAL/credentials/{accessKey}': CREDENTIAL,
  '/v3/projects': { GET: PROJECTS },
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

/** Which of these need the credentials of the management API. */
export const NEEDS_ACTOR = new Set([
  '/v3.0/OS-CREDENTIAL/credentials',
  '/v3.0/OS-CREDENTIAL/credentials/{accessKey}',
  '/v3/projects',
  '/v3/auth/domains',
]);

/** Which of these take Basic credentials with GET, and may do without. */
export const TAKES_BASIC = new Set([TOKEN_PATH, SWR_TOKEN_PATH]);
