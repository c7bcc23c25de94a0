import { LIST_ORGANISATIONS, type OrganisationV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { Settings } from '@berth/platform';
import { SwrError } from '@berth/swr';
import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ActorAuthenticator } from '../auth/actor-authenticator.js';
import { readBody } from '../http/read-body.js';
import { LARGEST_BODY } from './management.controller.js';
import { answerSwrError } from './error-answer.js';
import { LONGEST_ORGANISATION } from './management-path.js';
import type { ManagementRequest } from './management-request.js';
import { OrganisationRoutes } from './organisation.routes.js';
import { RepositoryListRoutes } from './repository-list.routes.js';
import { STORABLE } from './storable.js';

const BASE = '/dockyard/v2/';

/** The methods of each path, as people write it. */
export interface DockyardMethods {
  '/dockyard/v2/visible/namespaces': 'GET';
  '/dockyard/v2/namespaces': 'GET' | 'POST';
  '/dockyard/v2/namespaces/{namespace}': 'GET';
  '/dockyard/v2/repositories': 'GET';
}

/** What one endpoint does; `name` is what its path ends with. */
type Handle = (request: ManagementRequest, name: string) => Promise<void>;

/**
 * The part of the management API that Harbor replicates by, under other paths and by HTTP Basic: names and passwords, and
 * access keys, as `docker login` takes them. Everything here is for every user, about what it may see anyway.
 */
@Controller()
export class DockyardController {
  readonly routes: { [Path in keyof DockyardMethods]: Record<DockyardMethods[Path], Handle> };

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly actors: ActorAuthenticator,
    organisations: OrganisationRoutes,
    repositories: RepositoryListRoutes,
  ) {
    this.routes = {
      '/dockyard/v2/visible/namespaces': { GET: (request) => this.list(request, true) },
      '/dockyard/v2/namespaces': {
        GET: (request) => this.list(request, false),
        POST: (request) => organisations.create(request),
      },
      '/dockyard/v2/namespaces/{namespace}': { GET: (request, name) => this.show(request, name) },
      '/dockyard/v2/repositories': { GET: (request) => repositories.listForReplication(request) },
    };
  }

  @All('dockyard/v2/*')
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      await this.dispatch(request, reply);
    } catch (error) {
      const refused = error instanceof SwrError && error.status === 401;
      // RFC 9110 section 15.5.2.
      if (refused) reply.header('www-authenticate', `Basic realm="${this.settings.tokenService}", charset="UTF-8"`);
      await answerSwrError(reply, error);
    }
  }

  private async dispatch({ raw, method }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const target = raw.url ?? '';
    const end = target.indexOf('?');
    const { path, name } = pathOf(target.slice(BASE.length, end < 0 ? undefined : end));
    const handles: Record<string, Handle> = this.routes[path];
    if (!Object.hasOwn(handles, method)) {
      reply.header('allow', Object.keys(handles).join(', '));
      throw new SwrError('METHOD_UNKNOWN');
    }
    reply.registryRoute = `${method} ${path}`;
    const body = await readBody(raw, LARGEST_BODY, () => new SwrError('BODY_TOO_LARGE'));
    const actor = await this.actors.authenticateBasic(raw);
    const query = new URLSearchParams(end < 0 ? '' : target.slice(end + 1));
    await handles[method]!({ actor, organisationAuth: 0, repositoryAuth: 0, query, body, reply }, name);
  }

  private async list({ actor, reply }: ManagementRequest, withRepositories: boolean): Promise<void> {
    const asked = { actor, withRepositories, counted: true };
    const { organisations } = await this.bus.request(LIST_ORGANISATIONS, asked);
    await reply.send({ namespaces: organisations.map(shown) });
  }

  /** One that is not there is no error: Harbor then makes it. It reads the fields, and others the list. */
  private async show({ actor, reply }: ManagementRequest, name: string): Promise<void> {
    const possible = name.length <= LONGEST_ORGANISATION && STORABLE.test(name);
    const asked = { actor, withRepositories: true, counted: true, name };
    const { organisations } = possible
      ? await this.bus.request(LIST_ORGANISATIONS, asked)
      : { organisations: [] as OrganisationV1[] };
    const namespaces = organisations.map(shown);
    await reply.send({ ...namespaces[0], namespaces });
  }
}

/** What cannot be decoded does not come here. URL_UNKNOWN. */
function pathOf(path: string): { path: keyof DockyardMethods; name: string } {
  if (path === 'visible/namespaces') return { path: '/dockyard/v2/visible/namespaces', name: '' };
  if (path === 'namespaces') return { path: '/dockyard/v2/namespaces', name: '' };
  if (path === 'repositories') return { path: '/dockyard/v2/repositories', name: '' };
  const [, encoded] = /^namespaces\/([^/]+)$/.exec(path) ?? [];
  if (encoded === undefined) throw new SwrError('URL_UNKNOWN');
  return { path: '/dockyard/v2/namespaces/{namespace}', name: decodeURIComponent(encoded) };
}

const shown = ({ id, name, creatorName, auth, userCount, tagCount }: OrganisationV1) => ({
  id: Number(id),
  name,
  creator_name: creatorName,
  auth,
  user_count: userCount,
  image_count: tagCount,
});
