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

/** The endpoints besides the registry's, by path and method. A test holds them against the gateway's controllers. */
export const SERVICE_DOCUMENTATION: Record<string, Record<string, EndpointDocumentation>> = {
  [TOKEN_PATH]: TOKEN_ENDPOINT,
  [SWR_TOKEN_PATH]: TOKEN_ENDPOINT,
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

/** Which of these take Basic credentials with GET, and may do without. */
export const TAKES_BASIC = new Set([TOKEN_PATH, SWR_TOKEN_PATH]);
