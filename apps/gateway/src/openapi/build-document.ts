import { readFileSync } from 'node:fs';
import type { RegistryRoutes, Route } from '../registry/registry-routes.js';
import type { RegistryPath } from '../registry/route-grammar.js';
import type { SwrErrorName } from '@berth/swr';
import type { ManagementPath } from '../management/management-path.js';
import type { ManagementRoute, ManagementRoutes, Needs } from '../management/management-routes.js';
import { buildOperation, MANAGEMENT_DIALECT, type OperationFrame, REGISTRY_DIALECT } from './build-operation.js';
import { HEADERS, PATH_PARAMETERS, SCHEMAS, SECURITY_SCHEMES } from './components.js';
import { DOCKYARD_DOCUMENTATION, DOCKYARD_ERRORS_OF_ALL } from './dockyard-documentation.js';
import { type EndpointDocumentation, type ErrorCase, FAULTS } from './endpoint-documentation.js';
import {
  MANAGEMENT_DOCUMENTATION,
  MANAGEMENT_ERRORS_OF_ALL,
  MANAGEMENT_PATH_TEMPLATES,
} from './management-documentation.js';
import type { OpenApiDocument, Operation } from './openapi-document.js';
import { PATH_TEMPLATES, REGISTRY_DOCUMENTATION } from './registry-documentation.js';
import { NEEDS_ACTOR, SERVICE_DOCUMENTATION, TAKES_BASIC } from './service-documentation.js';

const PACKAGE = new URL('../../package.json', import.meta.url);

/** Of every registry endpoint. What is narrower stands in the endpoint's own documentation. */
const REGISTRY_ERRORS_OF_ALL: ErrorCase[] = [
  {
    code: 'UNAUTHORIZED',
    when: 'there is no valid token, or not for this, or name and password are wrong',
    headers: ['WWW-Authenticate'],
  },
  ...FAULTS,
];
const REPOSITORY_ERRORS_OF_ALL: ErrorCase[] = [
  'NAME_INVALID',
  { code: 'DENIED', when: 'the user does not have the right' },
];

/** Everything that the gateway serves over HTTP, as OpenAPI 3.1. `server` is what the paths are relative to. */
export function buildDocument(routes: RegistryRoutes, management: ManagementRoutes, server: string): OpenApiDocument {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth',
      version,
      description:
        'A container image registry: the OCI distribution-spec, the token flow of Docker, and a management API that is compatible with SWR.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: server }],
    tags: [
      { name: 'registry', description: 'Registry V2, as the OCI distribution-spec defines it.' },
      { name: 'management', description: 'Organisations and who may do what in them, as SWR has it.' },
      { name: 'service', description: 'Tokens, health, and this document.' },
    ],
    paths: { ...registryPaths(routes), ...managementPaths(management), ...dockyardPaths(), ...servicePaths() },
    components: {
      schemas: SCHEMAS,
      parameters: PATH_PARAMETERS,
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function registryPaths(routes: RegistryRoutes): OpenApiDocument['paths'] {
  const kinds = Object.keys(PATH_TEMPLATES) as RegistryPath['kind'][];
  return Object.fromEntries(
    kinds.map((kind) => {
      const documented: Record<string, EndpointDocumentation> = REGISTRY_DOCUMENTATION[kind];
      const operations = [...routes.of(kind)].map(([method, route]): [string, Operation] => [
        method.toLowerCase(),
        buildOperation(registryFrame(kind, method, route), documented[method]!),
      ]);
      return [PATH_TEMPLATES[kind], Object.fromEntries(operations)];
    }),
  );
}

function registryFrame(kind: RegistryPath['kind'], method: string, { id, actions }: Route): OperationFrame {
  return {
    id: `${method.toLowerCase()}${kind[0]!.toUpperCase()}${kind.slice(1)}`,
    tag: 'registry',
    method,
    spec: id,
    pathParameters: parametersOf(PATH_TEMPLATES[kind]),
    headers: ['Docker-Distribution-API-Version', 'X-Request-Id'],
    errors: [...(actions.length > 0 ? REPOSITORY_ERRORS_OF_ALL : []), ...REGISTRY_ERRORS_OF_ALL],
    dialect: REGISTRY_DIALECT,
    security: [{ bearer: actions }, { basic: [] }],
  };
}

function managementPaths(management: ManagementRoutes): OpenApiDocument['paths'] {
  const kinds = Object.keys(MANAGEMENT_PATH_TEMPLATES) as (keyof typeof MANAGEMENT_PATH_TEMPLATES)[];
  return Object.fromEntries(
    kinds.map((kind) => {
      const documented: Record<string, EndpointDocumentation<SwrErrorName>> = MANAGEMENT_DOCUMENTATION[kind];
      const operations = [...management.of(kind)].map(([method, route]): [string, Operation] => [
        method.toLowerCase(),
        buildOperation(managementFrame(kind, method, route), documented[method]!),
      ]);
      return [MANAGEMENT_PATH_TEMPLATES[kind], Object.fromEntries(operations)];
    }),
  );
}

function managementFrame(
  kind: keyof typeof MANAGEMENT_PATH_TEMPLATES & ManagementPath['kind'],
  method: string,
  { id, needs }: ManagementRoute,
): OperationFrame<SwrErrorName> {
  return {
    id,
    tag: 'management',
    method,
    pathParameters: parametersOf(MANAGEMENT_PATH_TEMPLATES[kind]),
    headers: ['X-Request-Id'],
    errors: [...refusalsOf(needs), ...MANAGEMENT_ERRORS_OF_ALL],
    dialect: MANAGEMENT_DIALECT,
    security: AS_ACTOR,
  };
}

function dockyardPaths(): OpenApiDocument['paths'] {
  return Object.fromEntries(
    Object.entries(DOCKYARD_DOCUMENTATION).map(([path, endpoints]) => [
      path,
      Object.fromEntries(
        Object.entries<EndpointDocumentation<SwrErrorName>>(endpoints).map(([method, documentation]) => [
          method.toLowerCase(),
          buildOperation(dockyardFrame(path, method), documentation),
        ]),
      ),
    ]),
  );
}

const dockyardFrame = (path: string, method: string): OperationFrame<SwrErrorName> => ({
  ...frameOf(path, method),
  tag: 'management',
  errors: DOCKYARD_ERRORS_OF_ALL,
  dialect: MANAGEMENT_DIALECT,
  security: [{ basic: [] }],
});

/** Also where a path names an organisation that none can have the name of. */
function refusalsOf(needs: Needs): SwrErrorName[] {
  if (needs === 'user' || needs === 'operator') return [];
  if ('organisation' in needs) return ['ORGANISATION_UNKNOWN', 'ORGANISATION_DENIED'];
  return ['ORGANISATION_UNKNOWN', 'REPOSITORY_UNKNOWN', 'REPOSITORY_DENIED'];
}

function servicePaths(): OpenApiDocument['paths'] {
  return Object.fromEntries(
    Object.entries(SERVICE_DOCUMENTATION).map(([path, endpoints]) => [
      path,
      Object.fromEntries(
        Object.entries(endpoints).map(([method, documentation]) => [
          method.toLowerCase(),
          buildOperation(serviceFrame(path, method), documentation),
        ]),
      ),
    ]),
  );
}

/** Where an operation stands whose name is its path. */
const frameOf = (
  path: string,
  method: string,
): Pick<OperationFrame, 'id' | 'method' | 'pathParameters' | 'headers'> => ({
  id:
    method.toLowerCase() +
    path.replace(/[{}-]/g, '').replace(/(?:^|[/.])(\w)/g, (_, letter: string) => letter.toUpperCase()),
  method,
  pathParameters: parametersOf(path),
  headers: ['X-Request-Id'],
});

const serviceFrame = (path: string, method: string): OperationFrame => ({
  ...frameOf(path, method),
  tag: 'service',
  errors: [],
  dialect: REGISTRY_DIALECT,
  security: securityOf(path, method),
});

function securityOf(path: string, method: string): Operation['security'] {
  if (NEEDS_ACTOR.has(path) || NEEDS_ACTOR.has(`${method} ${path}`)) return AS_ACTOR;
  return method === 'GET' && TAKES_BASIC.has(path) ? [{}, { basic: [] }] : [];
}

const AS_ACTOR: Operation['security'] = [{ iamToken: [] }, { signature: [] }];

const parametersOf = (template: string): string[] => [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
