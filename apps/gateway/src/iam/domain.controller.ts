import {
  ACCOUNT_NAME,
  type AccountV1,
  CHANGE_ACCOUNT,
  CREATE_ACCOUNT,
  LIST_ACCOUNTS,
  MAX_ORGANISATION_QUOTA,
  SHOW_ACCOUNT,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { wireId } from '@berth/swr';
import { Controller, Get, Patch, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicUrl } from '../http/public-url.js';
import { IamError } from './iam-error.js';
import { IamRequests, idInPath } from './iam-requests.js';
import { asGiven, descriptionIn, flagIn, type JsonObject, jsonOf, objectIn, textLike } from './json-body.js';
import { linksOf, pageIn, queryOf } from './list-page.js';

const PATH = '/v3/domains';

/** Accounts, which IAM calls domains, as the operators administer them. Source: Keystone v3, "Domains". */
@Controller('v3/domains')
export class DomainController {
  constructor(
    private readonly bus: MessageBus,
    private readonly requests: IamRequests,
    private readonly publicUrl: PublicUrl,
  ) {}

  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }, body) => {
      const domain = objectIn(jsonOf(body), 'domain');
      const made = await this.bus.request(CREATE_ACCOUNT, {
        actorId: userId,
        name: textLike(domain, 'name', ACCOUNT_NAME, 'name must be 1 to 64 letters, digits, hyphens and underscores'),
        description: descriptionIn(domain) ?? '',
        isEnabled: flagIn(domain, 'enabled') ?? true,
      });
      await reply.status(201).send({ domain: this.shown(request, made) });
    });
  }

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }) => {
      const page = pageIn(queryOf(request.raw));
      const { accounts, more } = await this.bus.request(LIST_ACCOUNTS, { actorId: userId, ...page });
      const last = more ? accounts.at(-1)?.name : undefined;
      const domains = accounts.map((account) => this.shown(request, account));
      await reply.send({ domains, links: linksOf(this.publicUrl, request.raw, PATH, last) });
    });
  }

  @Get(':domainId')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }) => {
      const accountId = idInPath(request, 'domainId', 'account');
      const found = await this.bus.request(SHOW_ACCOUNT, { actorId: userId, accountId });
      await reply.send({ domain: this.shown(request, found) });
    });
  }

  @Patch(':domainId')
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }, body) => {
      const domain = objectIn(jsonOf(body), 'domain');
      const change = asGiven({
        isEnabled: flagIn(domain, 'enabled'),
        description: descriptionIn(domain),
        organisationQuota: quotaIn(domain),
      });
      const accountId = idInPath(request, 'domainId', 'account');
      const changed = await this.bus.request(CHANGE_ACCOUNT, { actorId: userId, accountId, ...change });
      await reply.send({ domain: this.shown(request, changed) });
    });
  }

  private shown(request: FastifyRequest, { id, name, description, isEnabled, organisationQuota }: AccountV1) {
    const self = this.publicUrl.absolute(request.raw, `${PATH}/${wireId(id)}`);
    return {
      id: wireId(id),
      name,
      description,
      enabled: isEnabled,
      organisation_quota: organisationQuota,
      links: { self },
    };
  }
}

/** Null: no limit. */
function quotaIn(domain: JsonObject): number | null | undefined {
  const { organisation_quota: quota } = domain;
  if (quota === undefined || quota === null) return quota;
  if (Number.isInteger(quota) && Number(quota) >= 0 && Number(quota) <= MAX_ORGANISATION_QUOTA) return Number(quota);
  throw new IamError(400, `organisation_quota must be 0 to ${MAX_ORGANISATION_QUOTA}, or null for no limit`);
}
