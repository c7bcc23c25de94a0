import {
  ACCOUNT_NAME,
  CREATE_PROJECT,
  ISSUE_IAM_TOKEN,
  type IssuedIamTokenV1,
  LIST_PROJECTS,
  type ProjectV1,
  SHOW_IAM_TOKEN,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { wireId } from '@berth/swr';
import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientAddress } from '../http/client-address.js';
import { PublicUrl } from '../http/public-url.js';
import { noteUser } from '../http/request-user.js';
import { RateLimits } from '../limit/rate-limits.js';
import { answerIamError, IamError } from './iam-error.js';
import { IamRequests } from './iam-requests.js';
import { accountOf, jsonOf, objectIn, textLike } from './json-body.js';
import { accountIn, nameIn, queryOf } from './list-page.js';
import { parsePasswordRequest, type PasswordRequest } from './password-request.js';

const LONGEST_TOKEN = 4096;

/** What SDKs and scripts ask of IAM before they call the management API. Source: IAM API reference. */
@Controller('v3')
export class IamController {
  constructor(
    private readonly bus: MessageBus,
    private readonly requests: IamRequests,
    private readonly publicUrl: PublicUrl,
    private readonly limits: RateLimits,
    private readonly addresses: ClientAddress,
  ) {}

  /** A token for a password, in `X-Subject-Token`. */
  @Post('auth/tokens')
  @HttpCode(201)
  async issueToken(@Req() { raw }: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answering(reply, async () => {
      const request = parsePasswordRequest(await this.requests.bodyOf(raw));
      const { token, ...issued } = await this.issued(raw, request);
      reply.header('x-subject-token', token).header('cache-control', 'no-store');
      await reply.status(201).send({ token: shown(issued) });
    });
  }

  /** Whose the token in `X-Subject-Token` is: 404 where it is not valid now, or not for the actor to see. */
  @Get('auth/tokens')
  async showToken(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }) => {
      const token = request.headers['x-subject-token'];
      if (typeof token !== 'string' || token === '') throw new IamError(400, 'X-Subject-Token is missing');
      if (token.length > LONGEST_TOKEN) throw new IamError(404, 'there is no such token');
      const found = await this.bus.request(SHOW_IAM_TOKEN, { actorId: userId, token });
      reply.header('x-subject-token', token).header('cache-control', 'no-store');
      await reply.send({ token: shown(found) });
    });
  }

  /** As at the registry's token endpoint: wrong passwords count for the address, and none is looked at beyond its limit. */
  private async issued(raw: FastifyRequest['raw'], request: PasswordRequest): Promise<IssuedIamTokenV1> {
    this.limits.refuseGuesses(raw);
    const address = this.addresses.clientOf(raw);
    const issued = await this.bus.request(ISSUE_IAM_TOKEN, { ...request, address }).catch((error: unknown) => {
      if (error instanceof RegistryError && error.status === 401) this.limits.countCaller(raw, undefined);
      throw error;
    });
    noteUser(raw, issued.actor.userId, 'password');
    this.limits.countCaller(raw, issued.actor.userId);
    return issued;
  }

  /** The projects of the account. */
  @Get('projects')
  async listProjects(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answering(reply, async () => {
      const { userId } = (await this.requests.authenticated(request.raw)).actor;
      const query = queryOf(request.raw);
      const asked = { userId, ...nameIn(query), ...accountIn(query) };
      const { accountId, projects } = await this.bus.request(LIST_PROJECTS, asked);
      const links = { next: null, previous: null, self: this.publicUrl.absolute(request.raw, '/v3/projects') };
      await reply.send({ projects: projects.map((project) => this.project(request, accountId, project)), links });
    });
  }

  /** In the actor's account, or in `domain_id`. */
  @Post('projects')
  async createProject(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }, body) => {
      const asked = objectIn(jsonOf(body), 'project');
      const name = textLike(
        asked,
        'name',
        ACCOUNT_NAME,
        'name must be 1 to 64 letters, digits, hyphens and underscores',
      );
      const wanted = { actorId: userId, ...accountOf(asked), name };
      const { accountId, project } = await this.bus.request(CREATE_PROJECT, wanted);
      await reply.status(201).send({ project: this.project(request, accountId, project) });
    });
  }

  private project({ raw }: FastifyRequest, accountId: string, { id, name }: ProjectV1) {
    const self = this.publicUrl.absolute(raw, `/v3/projects/${wireId(id)}`);
    return {
      ...{ id: wireId(id), name, description: '', enabled: true, is_domain: false },
      ...{ domain_id: wireId(accountId), parent_id: wireId(accountId) },
      links: { next: null, previous: null, self },
    };
  }

  /** The account. */
  @Get('auth/domains')
  async listDomains(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answering(reply, async () => {
      const { accountId, accountName } = (await this.requests.authenticated(request.raw)).actor;
      const self = this.publicUrl.absolute(request.raw, '/v3/auth/domains');
      const id = wireId(accountId);
      const domain = { id, name: accountName, description: '', enabled: true, links: { self: `${self}/${id}` } };
      await reply.send({ domains: [domain], links: { self } });
    });
  }
}

async function answering(reply: FastifyReply, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await answerIamError(reply, error);
  }
}

/** As IAM writes times: always six digits behind the second. */
const microseconds = (time: string): string => time.replace(/Z$/, '000Z');

function shown({ actor, project, issuedAt, expiresAt }: Omit<IssuedIamTokenV1, 'token'>) {
  const { userId, userName, accountId, accountName, isAdministrator } = actor;
  const domain = { id: wireId(accountId), name: accountName };
  return {
    catalog: [],
    issued_at: microseconds(issuedAt),
    expires_at: microseconds(expiresAt),
    methods: ['password'],
    ...(project ? { project: { id: wireId(project.id), name: project.name, domain } } : { domain }),
    roles: isAdministrator ? [{ id: '0', name: 'te_admin' }] : [],
    user: { id: wireId(userId), name: userName, domain, password_expires_at: '' },
  };
}
