import {
  CHANGE_PASSWORD,
  CHANGE_USER,
  CREATE_USER,
  LIST_USERS,
  LONGEST_PASSWORD,
  PASSWORD,
  SHORTEST_PASSWORD,
  SHOW_USER,
  USER_NAME,
  type UserV1,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { wireId } from '@berth/swr';
import { Controller, Get, Patch, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicUrl } from '../http/public-url.js';
import { RateLimits } from '../limit/rate-limits.js';
import { ClientAddress } from '../http/client-address.js';
import { IamRequests, idInPath } from './iam-requests.js';
import {
  accountOf,
  asGiven,
  descriptionIn,
  flagIn,
  type JsonObject,
  jsonOf,
  objectIn,
  textIn,
  textLike,
} from './json-body.js';
import { accountIn, linksOf, pageIn, queryOf } from './list-page.js';

const PATH = '/v3/users';
const WRONG_PASSWORD = `password must have ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters`;
const WRONG_NAME = 'name must be 1 to 64 characters without /, @ and :, and without spaces at its ends';

/** Users, as administrators of their account and operators administer them. Source: Keystone v3, "Users". */
@Controller('v3/users')
export class UserController {
  constructor(
    private readonly bus: MessageBus,
    private readonly requests: IamRequests,
    private readonly publicUrl: PublicUrl,
    private readonly limits: RateLimits,
    private readonly addresses: ClientAddress,
  ) {}

  /** `is_administrator` is ours: IAM has the group `admin` for it. */
  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }, body) => {
      const user = objectIn(jsonOf(body), 'user');
      const made = await this.bus.request(CREATE_USER, {
        actorId: userId,
        ...accountOf(user),
        name: textLike(user, 'name', USER_NAME, WRONG_NAME),
        password: textLike(user, 'password', PASSWORD, WRONG_PASSWORD),
        description: descriptionIn(user) ?? '',
        isAdministrator: flagIn(user, 'is_administrator') ?? false,
        isEnabled: flagIn(user, 'enabled') ?? true,
      });
      await reply.status(201).send({ user: this.shown(request, made) });
    });
  }

  /** Of the actor's account, or of `domain_id`. */
  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async ({ userId }) => {
      const query = queryOf(request.raw);
      const asked = { actorId: userId, ...accountIn(query), ...pageIn(query) };
      const { users, more } = await this.bus.request(LIST_USERS, asked);
      const last = more ? users.at(-1)?.name : undefined;
      const links = linksOf(this.publicUrl, request.raw, PATH, last);
      await reply.send({ users: users.map((user) => this.shown(request, user)), links });
    });
  }

  @Get(':userId')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor) => {
      const asked = { actorId: actor.userId, userId: idInPath(request, 'userId', 'user') };
      await reply.send({ user: this.shown(request, await this.bus.request(SHOW_USER, asked)) });
    });
  }

  @Patch(':userId')
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor, body) => {
      const user = objectIn(jsonOf(body), 'user');
      const change = asGiven({
        isEnabled: flagIn(user, 'enabled'),
        password: passwordIn(user),
        description: descriptionIn(user),
      });
      const asked = { actorId: actor.userId, userId: idInPath(request, 'userId', 'user'), ...change };
      await reply.send({ user: this.shown(request, await this.bus.request(CHANGE_USER, asked)) });
    });
  }

  /** A user's own. Wrong original ones count as guesses do. */
  @Post(':userId/password')
  async changePassword(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async (actor, body) => {
      const user = objectIn(jsonOf(body), 'user');
      const asked = {
        actorId: actor.userId,
        userId: idInPath(request, 'userId', 'user'),
        originalPassword: textIn(user, 'original_password', LONGEST_PASSWORD),
        password: textLike(user, 'password', PASSWORD, WRONG_PASSWORD),
        address: this.addresses.clientOf(request.raw),
      };
      this.limits.refuseGuesses(request.raw);
      await this.bus.request(CHANGE_PASSWORD, asked).catch((error: unknown) => {
        if (error instanceof RegistryError && error.status === 401) this.limits.countCaller(request.raw, undefined);
        throw error;
      });
      await reply.status(204).send();
    });
  }

  private shown(request: FastifyRequest, user: UserV1) {
    const id = wireId(user.id);
    return {
      id,
      name: user.name,
      domain_id: wireId(user.accountId),
      description: user.description,
      enabled: user.isEnabled,
      is_administrator: user.isAdministrator,
      password_expires_at: null,
      links: { self: this.publicUrl.absolute(request.raw, `${PATH}/${id}`) },
    };
  }
}

function passwordIn(user: JsonObject): string | undefined {
  return user['password'] === undefined ? undefined : textLike(user, 'password', PASSWORD, WRONG_PASSWORD);
}
