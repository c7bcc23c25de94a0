import {
  ADD_SHARE,
  LIST_SHARES,
  LONGEST_ACCOUNT,
  MAX_SHARE_DESCRIPTION,
  MAX_SHARES_PER_PAGE,
  REMOVE_SHARE,
  type ShareV1,
  UPDATE_SHARE,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { organisationOf, type RepositoryName } from '@berth/oci';
import { formatDeadline, formatTimestamp, parseDeadline, SwrError, wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsIn, IsOptional, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';
import { STORABLE } from './storable.js';

class Terms {
  @IsIn(['read'], { context: { error: 'SHARE_PERMIT_INVALID' } })
  permit!: 'read';

  @IsString()
  deadline!: string;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_SHARE_DESCRIPTION, { context: { error: 'DESCRIPTION_TOO_LONG' } })
  @Matches(STORABLE)
  description?: string | null;
}

class NewShare extends Terms {
  @IsString({ context: { error: 'SHARE_ACCOUNT_INVALID' } })
  @MinLength(1, { context: { error: 'SHARE_ACCOUNT_INVALID' } })
  @MaxLength(LONGEST_ACCOUNT, { context: { error: 'SHARE_ACCOUNT_INVALID' } })
  @Matches(STORABLE, { context: { error: 'SHARE_ACCOUNT_INVALID' } })
  access_domain!: string;
}

interface NamedRepository {
  repository: RepositoryName;
}

interface NamedShare extends NamedRepository {
  account: string;
}

/**
 * `namespaces/{namespace}/repositories/{repository}/access-domains`: with which other accounts a repository is shared, for
 * them to read. What clients call a domain is an account.
 */
@Injectable()
export class ShareRoutes {
  constructor(private readonly bus: MessageBus) {}

  async create({ actor, body, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const share = bodyOf(NewShare, body);
    const { access_domain: account } = share;
    await this.bus.request(ADD_SHARE, { repository, account, creatorId: actor.userId, ...termsOf(share) });
    await reply.status(201).send({});
  }

  async list({ reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const all: ShareV1[] = [];
    for (let isLast = false; !isLast;) {
      const after = all.at(-1)?.account;
      const { shares } = await this.bus.request(LIST_SHARES, { repository, ...(after !== undefined && { after }) });
      all.push(...shares);
      isLast = shares.length < MAX_SHARES_PER_PAGE;
    }
    await reply.send(all.map((share) => shown(repository, share)));
  }

  /** One that does not exist is no error. */
  async show({ reply }: ManagementRequest, { repository, account }: NamedShare): Promise<void> {
    const { shares } = canBe(account)
      ? await this.bus.request(LIST_SHARES, { repository, account })
      : { shares: [] as ShareV1[] };
    const [share] = shares;
    await reply.send(share ? { exist: true, ...shown(repository, share) } : { exist: false });
  }

  async update({ body, reply }: ManagementRequest, { repository, account }: NamedShare): Promise<void> {
    const terms = termsOf(bodyOf(Terms, body));
    if (!canBe(account)) throw new SwrError('SHARE_UNKNOWN');
    await this.bus.request(UPDATE_SHARE, { repository, account, ...terms });
    await reply.status(201).send({});
  }

  async remove({ reply }: ManagementRequest, { repository, account }: NamedShare): Promise<void> {
    if (!canBe(account)) throw new SwrError('SHARE_UNKNOWN');
    await this.bus.request(REMOVE_SHARE, { repository, account });
    await reply.status(204).send();
  }
}

/** No account has any other name. */
const canBe = (account: string): boolean => account.length <= LONGEST_ACCOUNT && STORABLE.test(account);

/** A description that is not there is an empty one, in a change too. */
const termsOf = ({ deadline, description }: Terms) => ({
  deadline: parseDeadline(deadline)?.toISOString() ?? null,
  description: description ?? '',
});

function shown(repository: RepositoryName, share: ShareV1) {
  const { account, deadline, description, creatorId, creatorName, createdAt, updatedAt, isValid } = share;
  const namespace = organisationOf(repository);
  return {
    namespace,
    repository: repository.slice(namespace.length + 1),
    access_domain: account,
    permit: 'read',
    deadline: formatDeadline(deadline === null ? null : new Date(deadline)),
    description,
    creator_id: creatorId === null ? '' : wireId(creatorId),
    creator_name: creatorName ?? '',
    created: formatTimestamp(new Date(createdAt)),
    updated: formatTimestamp(new Date(updatedAt)),
    status: isValid,
  };
}
