import { REGISTRY_ERRORS } from '@berth/oci';
import { HealthController } from '@berth/platform';
import { RequestMethod } from '@nestjs/common';
import { TOKEN_METHODS, TokenController } from '../auth/token.controller.js';
import { GatewayModule } from '../gateway.module.js';
import { RegistryController } from '../registry/registry.controller.js';
import { RegistryRoutes } from '../registry/registry-routes.js';
import { parseRegistryPath, type RegistryPath } from '../registry/route-grammar.js';
import { DockyardController } from '../management/dockyard.controller.js';
import { ManagementController } from '../management/management.controller.js';
import { parseManagementPath } from '../management/management-path.js';
import { type ManagementMethods, ManagementRoutes } from '../management/management-routes.js';
import { buildDocument } from './build-document.js';
import { MANAGEMENT_PATH_TEMPLATES } from './management-documentation.js';
import type { Operation } from './openapi-document.js';
import { OpenApiController } from './openapi.controller.js';
import { PATH_TEMPLATES } from './registry-documentation.js';
import { structuralTroubles } from '../testing/openapi-check.js';

const nothing = {} as never;
const routes = new RegistryRoutes(nothing, nothing, nothing, nothing, nothing, nothing);
const management = new ManagementRoutes(
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
  nothing,
);
const dockyard = new DockyardController(nothing, nothing, nothing, nothing, nothing);
/** Their methods stand in tables, and not in decorators. */
const TABLES: unknown[] = [DockyardController, ManagementController, RegistryController];
const document = buildDocument(routes, management, '/');
const registry = Object.entries(PATH_TEMPLATES) as [RegistryPath['kind'], string][];
const managed = Object.entries(MANAGEMENT_PATH_TEMPLATES) as [keyof ManagementMethods, string][];
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const operationOf = (method: string, path: string): Operation => document.paths[path]![method.toLowerCase()]!;

describe(buildDocument, () => {
  it('is an OpenAPI document whose parts fit together', () => {
    expect(structuralTroubles(document)).toEqual([]);
  });

  it.each(registry)('has exactly the methods that the registry has for %s', (kind, path) => {
    const documented = operations.filter((one) => one.path === path).map(({ method }) => method);
    expect(documented.sort()).toEqual([...routes.of(kind).keys()].sort());
  });

  it.each(registry)('writes the path of %s so that the grammar reads it as that', (kind, path) => {
    const values: Record<string, string> = {
      name: 'library/busybox',
      reference: 'v1',
      digest: `sha256:${'a'.repeat(64)}`,
      sessionId: '0b6d1f0e-5a52-4a3c-9d0b-3f1c8e2a7b64',
    };
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!).replace('/v2/', '');
    expect(parseRegistryPath(filled)?.kind).toBe(kind);
  });

  it.each(managed)(
    'has the methods of the management API for %s, under a path that its grammar reads as that',
    (kind, path) => {
      const documented = operations.filter((one) => one.path === path).map(({ method }) => method);
      expect(documented.sort()).toEqual([...management.of(kind).keys()].sort());
      const filled = path.replace(/\{\w+\}/g, 'acme').replace('/v2/manage/', '');
      expect(parseManagementPath(filled)?.kind).toBe(kind);
    },
  );

  it('has every endpoint of the controllers, and no other', () => {
    const served = (Reflect.getMetadata('controllers', GatewayModule) as Controller[])
      .filter((controller) => !TABLES.includes(controller))
      .flatMap(endpointsOf);
    const tables = [PATH_TEMPLATES, MANAGEMENT_PATH_TEMPLATES].flatMap((templates) => Object.values(templates));
    const paths = new Set([...tables, ...Object.keys(dockyard.routes)]);
    const documented = operations.filter(({ path }) => !paths.has(path)).map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(served.sort());
    expect(served).toHaveLength(29);
    for (const controller of [HealthController, OpenApiController, TokenController]) {
      expect(endpointsOf(controller)).not.toEqual([]);
    }
  });

  it('has exactly the methods that are there for Harbor', () => {
    for (const [path, methods] of Object.entries(dockyard.routes)) {
      const documented = operations.filter((one) => one.path === path);
      expect(documented.map(({ method }) => method).sort()).toEqual(Object.keys(methods).sort());
      for (const { operation } of documented) {
        expect(operation.security).toEqual([{ basic: [] }]);
        expect(operation.responses['401']!.headers).toHaveProperty('WWW-Authenticate');
      }
    }
  });

  it('names the rights that a route needs', () => {
    expect(operationOf('GET', '/v2/{name}/blobs/{digest}').security).toEqual([{ bearer: ['pull'] }, { basic: [] }]);
    expect(operationOf('PUT', '/v2/{name}/manifests/{reference}').security).toEqual([
      { bearer: ['push'] },
      { basic: [] },
    ]);
    for (const path of ['/auth/token', '/swr/auth/v2/registry/auth']) {
      expect(operationOf('GET', path).security).toEqual([{}, { basic: [] }]);
      expect(operationOf('POST', path).security).toEqual([]);
    }
    expect(operationOf('GET', '/livez').security).toEqual([]);
  });

  it('gives each code under the status that it comes with', () => {
    const { responses } = operationOf('DELETE', '/v2/{name}/blobs/{digest}');
    expect(Object.keys(responses)).toEqual(['202', '400', '401', '403', '404', '405', '429', '500', '503']);
    expect(responses['405']!.description).toMatch(/^UNSUPPORTED: /);
    expect(responses['405']!.headers).toHaveProperty('Allow');
    expect(responses['404']!.description).toBe(`BLOB_UNKNOWN: ${REGISTRY_ERRORS.BLOB_UNKNOWN.message}.`);
    expect(responses['401']!.headers).toHaveProperty('WWW-Authenticate');
    for (const status of ['429', '503']) expect(responses[status]!.headers).toHaveProperty('Retry-After');
  });

  it('gives HEAD the headers of GET, and no body', () => {
    const head = operationOf('HEAD', '/v2/{name}/manifests/{reference}').responses['200']!;
    expect(head.headers).toEqual(operationOf('GET', '/v2/{name}/manifests/{reference}').responses['200']!.headers);
    expect(head).not.toHaveProperty('content');
  });

  it('says where the paths begin', () => {
    expect(buildDocument(routes, management, 'https://registry.example').servers).toEqual([
      { url: 'https://registry.example' },
    ]);
  });
});

type Controller = new (...dependencies: never[]) => object;

/** The endpoints of a Nest controller, as its decorators say. */
function endpointsOf(controller: Controller): string[] {
  const bases = [Reflect.getMetadata('path', controller) as string | string[]].flat();
  return Object.values(Object.getOwnPropertyDescriptors(controller.prototype as object))
    .map(({ value }) => value as object)
    .filter((handler) => typeof handler === 'function' && Reflect.hasMetadata('method', handler))
    .flatMap((handler) => {
      // A controller with several paths has a wildcard besides, for the slash at the end.
      const [own] = [Reflect.getMetadata('path', handler) as string | string[]].flat();
      const method = RequestMethod[Reflect.getMetadata('method', handler) as RequestMethod];
      const methods = controller === TokenController && method === 'ALL' ? TOKEN_METHODS : [method];
      const paths = bases.map(
        (base) =>
          `/${[base, own]
            .join('/')
            .split('/')
            .filter(Boolean)
            .join('/')
            .replace(/:(\w+)/g, '{$1}')}`,
      );
      return paths.flatMap((path) => methods.map((one) => `${one} ${path}`));
    });
}
