import { Injectable } from '@nestjs/common';
import type { Action } from '../auth/caller.js';
import { BlobRoutes } from './blob.routes.js';
import { CatalogRoutes } from './catalog.routes.js';
import { EXTENSIONS } from './extensions.js';
import { ManifestRoutes } from './manifest.routes.js';
import type { RegistryRequest } from './registry-request.js';
import type { PathName, RegistryPath } from './route-grammar.js';
import { ReferrerRoutes } from './referrer.routes.js';
import { TagRoutes } from './tag.routes.js';
import { UploadRoutes } from './upload.routes.js';

/** Of what is not one repository's there is no name. */
type RequestTo<Path extends RegistryPath> = Path extends { name: PathName }
  ? RegistryRequest
  : Omit<RegistryRequest, 'name'>;

/** One endpoint: its identifier in the spec, the rights it needs, and what it does. */
export interface Route<Path extends RegistryPath = RegistryPath> {
  id: string;
  actions: Action[];
  handle(request: RequestTo<Path>, path: Path): Promise<void>;
}

/** The methods that each path has. Each is documented in openapi/registry-documentation.ts. */
export interface Methods {
  base: 'GET' | 'HEAD';
  catalog: 'GET' | 'HEAD';
  blob: 'GET' | 'HEAD' | 'DELETE';
  manifest: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  uploads: 'POST';
  upload: 'PATCH' | 'PUT' | 'GET' | 'HEAD' | 'DELETE';
  tags: 'GET' | 'HEAD';
  referrers: 'GET' | 'HEAD';
  extensions: 'GET' | 'HEAD';
  repositoryExtensions: 'GET' | 'HEAD';
}

type PathOf<Kind extends RegistryPath['kind']> = Extract<RegistryPath, { kind: Kind }>;
type Table = { [Kind in RegistryPath['kind']]: Record<Methods[Kind], Route<PathOf<Kind>>> };

/** Every endpoint of the registry, by path and method. */
@Injectable()
export class RegistryRoutes {
  private readonly table: Map<string, Map<string, Route>>;

  constructor(
    blobs: BlobRoutes,
    catalog: CatalogRoutes,
    manifests: ManifestRoutes,
    tags: TagRoutes,
    uploads: UploadRoutes,
    referrers: ReferrerRoutes,
  ) {
    const table: Table = {
      base: {
        GET: { id: 'end-1', actions: [], handle: ping },
        HEAD: { id: 'end-1', actions: [], handle: ping },
      },
      catalog: {
        GET: { id: 'catalog', actions: [], handle: (request) => catalog.list(request) },
        HEAD: { id: 'catalog', actions: [], handle: (request) => catalog.list(request) },
      },
      blob: {
        GET: { id: 'end-2', actions: ['pull'], handle: (request, { digest }) => blobs.get(request, digest) },
        HEAD: { id: 'end-2', actions: ['pull'], handle: (request, { digest }) => blobs.head(request, digest) },
        DELETE: { id: 'end-10', actions: ['delete'], handle: (request, { digest }) => blobs.delete(request, digest) },
      },
      manifest: {
        GET: { id: 'end-3', actions: ['pull'], handle: (request, { reference }) => manifests.get(request, reference) },
        HEAD: { id: 'end-3', actions: ['pull'], handle: (request, { reference }) => manifests.get(request, reference) },
        PUT: { id: 'end-7', actions: ['push'], handle: (request, { reference }) => manifests.put(request, reference) },
        DELETE: {
          id: 'end-9',
          actions: ['delete'],
          handle: (request, { reference }) => manifests.delete(request, reference),
        },
      },
      uploads: {
        POST: { id: 'end-4', actions: ['push'], handle: (request) => uploads.start(request) },
      },
      upload: {
        PATCH: {
          id: 'end-5',
          actions: ['push'],
          handle: (request, { sessionId }) => uploads.patch(request, sessionId),
        },
        PUT: {
          id: 'end-6',
          actions: ['push'],
          handle: (request, { sessionId }) => uploads.complete(request, sessionId),
        },
        GET: {
          id: 'end-13',
          actions: ['push'],
          handle: (request, { sessionId }) => uploads.status(request, sessionId),
        },
        HEAD: {
          id: 'end-13',
          actions: ['push'],
          handle: (request, { sessionId }) => uploads.status(request, sessionId),
        },
        DELETE: {
          id: 'end-14',
          actions: ['push'],
          handle: (request, { sessionId }) => uploads.cancel(request, sessionId),
        },
      },
      tags: {
        GET: { id: 'end-8', actions: ['pull'], handle: (request) => tags.list(request) },
        HEAD: { id: 'end-8', actions: ['pull'], handle: (request) => tags.list(request) },
      },
      referrers: {
        GET: { id: 'end-12', actions: ['pull'], handle: (request, { digest }) => referrers.list(request, digest) },
        HEAD: { id: 'end-12', actions: ['pull'], handle: (request, { digest }) => referrers.list(request, digest) },
      },
      extensions: {
        GET: { id: 'ext-discover', actions: [], handle: discover },
        HEAD: { id: 'ext-discover', actions: [], handle: discover },
      },
      repositoryExtensions: {
        GET: { id: 'ext-discover', actions: ['pull'], handle: discover },
        HEAD: { id: 'ext-discover', actions: ['pull'], handle: discover },
      },
    };
    this.table = new Map(
      Object.entries(table).map(([kind, routes]) => [kind, new Map(Object.entries(routes as Record<string, Route>))]),
    );
  }

  /** The methods of a path, each with its route. */
  of(kind: RegistryPath['kind']): Map<string, Route> {
    return this.table.get(kind)!;
  }
}

const ping: Route['handle'] = async ({ reply }) => void (await reply.send({}));

const discover: Route['handle'] = async ({ reply }) => void (await reply.send(EXTENSIONS));
