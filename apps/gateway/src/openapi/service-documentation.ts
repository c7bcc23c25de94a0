import { TOKEN_PATH } from '../auth/authorizer.js';
import { type EndpointDocumentation, FAULTS, TOO_MANY_REQUESTS } from './endpoint-documentation.js';

/** The endpoints besides the registry's, by path and method. A test holds them against the gateway's controllers. */
export const SERVICE_DOCUMENTATION: Record<string, Record<string, EndpointDocumentation>> = {
  [TOKEN_PATH]: {
    GET: {
      summary: 'Gives a bearer token: the rights that are asked for, as far as they are allowed.',
      description:
        'With Basic credentials for a user, without for an anonymous client. Fewer rights than asked are no error. Other parameters of the Docker token protocol (service, account, client_id, offline_token) are taken and mean nothing.',
      parameters: [
        {
          name: 'scope',
          in: 'query',
          description: '`type:name:actions`, repeated or separated by spaces: `repository:library/busybox:pull,push`.',
          style: 'form',
          explode: true,
          schema: { type: 'array', items: { type: 'string' } },
        },
      ],
      answers: {
        200: {
          description: 'The token.',
          headers: ['Cache-Control'],
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Token' } } },
        },
      },
      errors: [{ code: 'UNAUTHORIZED', when: 'name and password are wrong, or not Basic' }, ...FAULTS],
    },
  },
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

/** Which of these take credentials, and may do without. */
export const TAKES_BASIC = new Set([TOKEN_PATH]);
