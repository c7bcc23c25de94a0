import {
  type AccessKeyV1,
  type Actor,
  CHANGE_ACCESS_KEY,
  type ChangeAccessKeyV1,
  CREATE_ACCESS_KEY,
  LIST_ACCESS_KEYS,
  MAX_DESCRIPTION,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { parseWireId, wireId } from '@berth/swr';
import { Controller, Delete, Get, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IamError } from './iam-error.js';
import { IamRequests } from './iam-requests.js';
import { type JsonObject, jsonOf, objectIn, optionalTextIn, textIn } from './json-body.js';

const LONGEST_ID = 64;
const ACCESS_KEY = /^[A-Z0-9]{20}$/;

/** Permanent access keys. Source: IAM API reference, "Permanent Access Keys". */
@Controller('v3.0/OS-CREDENTIAL/credentials')
export class CredentialController {
  constructor(
    private readonly bus: MessageBus,
    private readonly requests: IamRequests,
  ) {}

  /** Makes a key, for oneself or by an administrator for `user_id`. The secret is shown here and never again. */
  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor, body) => {
      const credential = objectIn(jsonOf(body), 'credential');
      const description = optionalTextIn(credential, 'description', MAX_DESCRIPTION) ?? '';
      const made = await this.bus.request(CREATE_ACCESS_KEY, {
        actorId: actor.userId,
        description,
        ...userIn(optionalTextIn(credential, 'user_id', LONGEST_ID)),
      });
      reply.header('cache-control', 'no-store');
      await reply.status(201).send({ credential: { ...shown(made), secret: made.secretKey } });
    });
  }

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor) => {
      const userId = new URL(request.raw.url ?? '', 'http://any').searchParams.get('user_id') ?? undefined;
      const asked = { actorId: actor.userId, ...userIn(userId) };
      const { accessKeys } = await this.bus.request(LIST_ACCESS_KEYS, asked);
      await reply.send({ credentials: accessKeys.map(shown) });
    });
  }

  /** `status` is active or inactive. */
  @Put(':accessKey')
  async update(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor, body) => {
      const status = textIn(objectIn(jsonOf(body), 'credential'), 'status', LONGEST_ID);
      if (status !== 'active' && status !== 'inactive') throw new IamError(400, 'status must be active or inactive');
      const accessKey = await this.change(request, actor, status === 'active' ? 'enable' : 'disable');
      await reply.send({ credential: { access: accessKey, status } });
    });
  }

  @Delete(':accessKey')
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor) => {
      await this.change(request, actor, 'remove');
      await reply.status(204).send();
    });
  }

  private async change(request: FastifyRequest, actor: Actor, change: ChangeAccessKeyV1['change']): Promise<string> {
    const { accessKey } = request.params as { accessKey: string };
    if (!ACCESS_KEY.test(accessKey)) throw new IamError(404, 'there is no such access key');
    await this.bus.request(CHANGE_ACCESS_KEY, { actorId: actor.userId, accessKey, change });
    return accessKey;
  }
}

function userIn(text: string | undefined): { userId?: string } {
  if (text === undefined) return {};
  const userId = parseWireId(text);
  if (userId === null) throw new IamError(400, 'user_id is no id');
  return { userId };
}

const shown = ({ accessKey, userId, description, isDisabled, createdAt }: AccessKeyV1): JsonObject => ({
  access: accessKey,
  user_id: wireId(userId),
  description,
  status: isDisabled ? 'inactive' : 'active',
  create_time: createdAt,
});
