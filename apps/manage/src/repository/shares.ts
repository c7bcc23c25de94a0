import {
  type AddShareV1,
  type ListSharesV1,
  MAX_SHARES,
  MAX_SHARES_PER_PAGE,
  type RemoveShareV1,
  type ShareTermsV1,
  type ShareV1,
  type UpdateShareV1,
} from '@berth/contracts';
import { type AddShareOutcome, type RepositoryShare, RepositoryShareStore, type ShareTerms } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';

const REFUSALS: Record<Exclude<AddShareOutcome, 'added'>, () => SwrError> = {
  'repository-unknown': () => new SwrError('REPOSITORY_UNKNOWN'),
  'account-unknown': () => new SwrError('SHARE_ACCOUNT_INVALID'),
  'own-account': () => new SwrError('SHARE_ACCOUNT_INVALID', "the repository is the account's own"),
  exists: () => new SwrError('SHARE_EXISTS'),
  'limit-reached': () => new SwrError('FIELD_INVALID', `the repository is shared with ${MAX_SHARES} accounts already`),
};

/** With which other accounts a repository is shared, for them to read. Who may share it was decided before. */
@Injectable()
export class Shares {
  constructor(private readonly shares: RepositoryShareStore) {}

  async add(request: AddShareV1): Promise<{ account: string }> {
    const { repository, account, creatorId } = request;
    const outcome = await this.shares.add(repository, account, termsOf(request), creatorId, MAX_SHARES);
    if (outcome !== 'added') throw REFUSALS[outcome]();
    return { account };
  }

  async update(request: UpdateShareV1): Promise<{ account: string }> {
    const { repository, account } = request;
    if (!(await this.shares.update(repository, account, termsOf(request)))) throw new SwrError('SHARE_UNKNOWN');
    return { account };
  }

  async remove({ repository, account }: RemoveShareV1): Promise<{ account: string }> {
    if (!(await this.shares.remove(repository, account))) throw new SwrError('SHARE_UNKNOWN');
    return { account };
  }

  async list({ repository, account, after = '' }: ListSharesV1): Promise<{ shares: ShareV1[] }> {
    if (account === undefined) {
      return { shares: (await this.shares.list(repository, after, MAX_SHARES_PER_PAGE)).map(shown) };
    }
    const found = await this.shares.find(repository, account);
    return { shares: found ? [shown(found)] : [] };
  }
}

const termsOf = ({ deadline, description }: ShareTermsV1): ShareTerms => ({
  deadline: deadline === null ? null : new Date(deadline),
  description,
});

const shown = ({ accountName, deadline, createdAt, updatedAt, ...share }: RepositoryShare): ShareV1 => ({
  ...share,
  account: accountName,
  deadline: deadline?.toISOString() ?? null,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
