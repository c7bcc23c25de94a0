import type { IncomingMessage } from 'node:http';
import { RegistryError, registryError } from '@berth/oci';
import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Authorizer } from '../auth/authorizer.js';
import type { Caller } from '../auth/caller.js';
import { answerError } from '../http/error-answer.js';
import { RegistryRoutes, type Route } from './registry-routes.js';
import { parseRegistryPath, type PathName, type RegistryPath } from './route-grammar.js';
import { scopesOfMount } from './upload.routes.js';

const BASE = '/v2/';
/** A request may name its target as a whole URL; whose host that is does not matter. RFC 9112 section 3.2.2. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?]*/i;

/** The door of the registry: reads the path, checks the token, and hands over to the route's handler. */
@Controller()
export class RegistryController {
  constructor(
    private readonly authorizer: Authorizer,
    private readonly routes: RegistryRoutes,
  ) {}

  @All('v2/*')
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    reply.header('docker-distribution-api-version', 'registry/2.0');
    if (waitsForBody(request)) reply.header('connection', 'close');
    try {
      await this.dispatch(request, reply);
    } catch (error) {
      await answerError(reply, error);
    }
  }

  private async dispatch(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { raw } = request;
    const url = (raw.url ?? '').replace(ABSOLUTE_FORM, '');
    const end = url.indexOf('?');
    const path = parseRegistryPath(url.slice(BASE.length, end < 0 ? undefined : end));
    if (path === null)
      throw registryError('NAME_UNKNOWN', undefined, { message: 'no such endpoint of the registry API' });
    const route = this.routeOf(path, request.method);
    reply.registryRoute = route.id;
    const query = new URLSearchParams(end < 0 ? '' : url.slice(end + 1));
    const caller = await this.callerOf(raw, path, route, query);
    try {
      await route.handle({ ...('name' in path && { name: path.name }), caller, query, raw, reply }, path);
    } catch (error) {
      throw 'name' in path ? spelledAsAsked(error, path.name) : error;
    }
  }

  private callerOf(
    raw: IncomingMessage,
    path: RegistryPath,
    { actions }: Route,
    query: URLSearchParams,
  ): Promise<Caller> {
    if (path.kind === 'base' || path.kind === 'extensions') return this.authorizer.authenticate(raw);
    if (path.kind === 'catalog') return this.authorizer.authorizeCatalog(raw);
    const besides = path.kind === 'uploads' ? scopesOfMount(query) : [];
    return this.authorizer.authorize(raw, path.name, actions, { besides, overToo: path.kind === 'upload' });
  }

  private routeOf(path: RegistryPath, method: string): Route {
    const routes = this.routes.of(path.kind);
    const route = routes.get(method);
    if (!route) throw registryError('UNSUPPORTED', undefined, { headers: { allow: [...routes.keys()].join(', ') } });
    return route;
  }
}

/**
 * `curl -X HEAD`, which scripts have, waits for the body that Content-Length names until the connection ends. Whether it was
 * called so, or with `-I`, cannot be seen.
 */
const waitsForBody = ({ method, headers }: FastifyRequest): boolean =>
  method === 'HEAD' && headers['user-agent']?.startsWith('curl/') === true;

/** Whoever asks for `busybox` is not told of `library/busybox`, which is what it is called behind this door. */
function spelledAsAsked(error: unknown, { spelled, repository }: PathName): unknown {
  if (!(error instanceof RegistryError)) return error;
  const { code, status, message, headers } = error;
  const detail = error.detail as { name?: unknown } | undefined;
  if (detail?.name !== repository || spelled === repository) return error;
  const options = { status, message, cause: error, ...(headers && { headers }) };
  return registryError(code, { ...detail, name: spelled }, options);
}
