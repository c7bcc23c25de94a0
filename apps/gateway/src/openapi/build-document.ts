import { readFileSync } from 'node:fs';
import type { RegistryRoutes, Route } from '../registry/registry-routes.js';
import type { RegistryPath } from '../registry/route-grammar.js';
import { buildOperation, type OperationFrame } from './build-operation.js';
import { HEADERS, PATH_PARAMETERS, SCHEMAS, SECURITY_SCHEMES } from './components.js';
import { type EndpointDocumentation, type ErrorCase, FAULTS } from './endpoint-documentation.js';
import type { OpenApiDocument, Operation } from './openapi-document.js';
import { PATH_TEMPLATES, REGISTRY_DOCUMENTATION } from './registry-documentation.js';
import { SERVICE_DOCUMENTATION, TAKES_BASIC } from './service-documentation.js';

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
export function buildDocument(routes: RegistryRoutes, server: string): OpenApiDocument {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth',
      version,
      description: 'A container image registry: the OCI distribution-spec, and the token flow of Docker.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: server }],
    tags: [
      { name: 'registry', description: 'Registry V2, as the OCI distribution-spec defines it.' },
      { name: 'service', description: 'Tokens, health, and this document.' },
    ],
    paths: { ...registryPaths(routes), ...servicePaths() },
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
    security: [{ bearer: actions }, { basic: [] }],
  };
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

const serviceFrame = (path: string, method: string): OperationFrame => ({
  id: method.toLowerCase() + path.replace(/(?:^|[/.])(\w)/g, (_, letter: string) => letter.toUpperCase()),
  tag: 'service',
  method,
  pathParameters: [],
  headers: ['X-Request-Id'],
  errors: [],
  security: method === 'GET' && TAKES_BASIC.has(path) ? [{}, { basic: [] }] : [],
});

const parametersOf = (template: string): string[] => [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
