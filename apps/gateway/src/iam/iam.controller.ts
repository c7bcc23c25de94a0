import { type Actor, ISSUE_IAM_TOKEN, type IssuedIamTokenV1, LIST_PROJECTS, type ProjectV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { wireId } from '@berth/swr';
import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientAddress } from '../http/client-address.js';
import { PublicUrl } from '../http/public-url.js';
import { RateLimits } from '../limit/rate-limits.js';
import { answerIamError } from './iam-error.js';
import { IamRequests } from './iam-requests.js';
import { parsePasswordRequest, type PasswordRequest } from './password-request.js';

/** Longer than any project's, so that what is cut off finds none either. */
const NAME_MATTERS = 256;

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
      const { token, actor, project, issuedAt, expiresAt } = await this.issued(raw, request);
      reply.header('x-subject-token', token).header('cache-control', 'no-store');
      const times = { issued_at: microseconds(issuedAt), expires_at: microseconds(expiresAt) };
      await reply
        .status(201)
        .send({ token: { catalog: [], ...times, methods: ['password'], ...shown(actor, project) } });
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
    this.limits.countCaller(raw, issued.actor.userId);
    return issued;
  }

  /** The projects of the account. */
  @Get('projects')
  async listProjects(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answering(reply, async () => {
      const { userId } = (await this.requests.authenticated(request.raw)).actor;
      const name =
        new URL(request.raw.url ?? '', 'http://any').searchParams.get('name')?.slice(0, NAME_MATTERS) || undefined;
      const { actor, projects } = await this.bus.request(LIST_PROJECTS, {
        userId,
        ...(name !== undefined && { name }),
      });
      const self = this.publicUrl.absolute(request.raw, '/v3/projects');
      await reply.send({
        projects: projects.map((project) => ({
          ...{ id: wireId(project.id), name: project.name, description: '', enabled: true, is_domain: false },
          ...{ domain_id: wireId(actor.accountId), parent_id: wireId(actor.accountId) },
          links: { next: null, previous: null, self: `${self}/${wireId(project.id)}` },
        })),
        links: { next: null, previous: null, self },
      });
    });
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

function shown({ userId, userName, accountId, accountName, isAdministrator }: Actor, project: ProjectV1 | null) {
  const domain = { id: wireId(accountId), name: accountName };
  return {
    ...(project ? { project: { id: wireId(project.id), name: project.name, domain } } : { domain }),
    roles: isAdministrator ? [{ id: '0', name: 'te_admin' }] : [],
    user: { id: wireId(userId), name: userName, domain, password_expires_at: '' },
  };
}
