import { createHash } from 'node:crypto';
import type { DecidedAccessV1 } from '@berth/contracts';
import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AccessTarget, ActorAuthenticator } from '../auth/actor-authenticator.js';
import { answerError } from '../http/error-answer.js';
import { readBody } from '../http/read-body.js';
import { parseRegistryPath } from '../registry/route-grammar.js';
import { answerSwrError } from './error-answer.js';
import { type ManagementPath, parseManagementPath } from './management-path.js';
import { type ManagementRoute, ManagementRoutes, type Needs } from './management-routes.js';

const BASE = '/v2/manage/';
export const LARGEST_BODY = 1024 * 1024;

/** The door of the management API: reads the path, finds out who asks, asks what they may, and hands over to the handler. */
@Controller()
export class ManagementController {
  constructor(
    private readonly routes: ManagementRoutes,
    private readonly actors: ActorAuthenticator,
  ) {}

  @All('v2/manage/*')
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      await this.dispatch(request, reply);
    } catch (error) {
      await (isOfRegistry(error) ? answerError : answerSwrError)(reply, error);
    }
  }

  private async dispatch({ raw, method }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const url = raw.url ?? '';
    const end = url.indexOf('?');
    const path = parseManagementPath(url.slice(BASE.length, end < 0 ? undefined : end));
    if (path === null) throw nothingAt(url.slice('/v2/'.length, end < 0 ? undefined : end));
    const route = this.routeOf(path, method, reply);
    reply.registryRoute = route.id;
    const body = await readBody(raw, LARGEST_BODY, () => new SwrError('BODY_TOO_LARGE'));
    const target = { ...targetOf(path), ...(route.needs === 'operator' && { operator: true }) };
    const held = await this.actors.authenticate(raw, createHash('sha256').update(body).digest('hex'), target);
    demand(route.needs, held);
    const query = new URLSearchParams(end < 0 ? '' : url.slice(end + 1));
    const { actor, credential, organisation: organisationAuth, repository: repositoryAuth } = held;
    const by = credential === undefined ? {} : { credential };
    await route.handle({ actor, ...by, organisationAuth, repositoryAuth, query, body, reply }, path);
  }

  private routeOf(path: ManagementPath, method: string, reply: FastifyReply): ManagementRoute {
    const routes = this.routes.of(path.kind);
    if (routes.size === 0) throw new SwrError('URL_UNKNOWN');
    const route = routes.get(method);
    if (route) return route;
    reply.header('allow', [...routes.keys()].join(', '));
    throw new SwrError('METHOD_UNKNOWN');
  }
}

/** Whoever pushes to `manage/app` speaks to the registry, and is told in its words that there is no such name. */
function nothingAt(path: string): Error {
  try {
    parseRegistryPath(path);
  } catch (error) {
    if (isOfRegistry(error)) return error;
  }
  return new SwrError('URL_UNKNOWN');
}

const isOfRegistry = (error: unknown): error is RegistryError =>
  error instanceof RegistryError && error.code === 'NAME_INVALID';

function targetOf(path: ManagementPath): AccessTarget {
  return {
    ...('organisation' in path && { organisation: path.organisation }),
    ...('repository' in path && { repository: path.repository }),
  };
}

/** What somebody may not even read is as good as not there: no answer tells the two apart. */
function demand(needs: Needs, held: DecidedAccessV1): void {
  if (needs === 'user') return;
  if (needs === 'operator') {
    if (!held.isOperator) throw new SwrError('PERMISSION_DENIED');
    return;
  }
  if ('organisation' in needs) {
    if (held.organisation === 0) throw new SwrError('ORGANISATION_UNKNOWN');
    if (held.organisation < needs.organisation) throw new SwrError('ORGANISATION_DENIED');
  } else {
    if (held.repository === 0) throw new SwrError('REPOSITORY_UNKNOWN');
    if (held.repository < needs.repository) throw new SwrError('REPOSITORY_DENIED');
  }
}
