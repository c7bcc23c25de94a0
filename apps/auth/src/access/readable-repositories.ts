import type { FindMountSourceV1, ListReadableRepositoriesV1, Reader, RepositoryPageV1 } from '@berth/contracts';
import { AccountStore, ReadableRepositoryStore, type ReadingUser } from '@berth/metadata';
import type { RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';

/** Which repositories somebody may pull. */
@Injectable()
export class ReadableRepositories {
  constructor(
    private readonly accounts: AccountStore,
    private readonly store: ReadableRepositoryStore,
  ) {}

  async list({ after, limit, ...reader }: ListReadableRepositoriesV1): Promise<RepositoryPageV1> {
    const found = reader.everything
      ? await this.store.listAll(after, limit + 1)
      : await this.store.list(await this.userOf(reader), after, limit + 1);
    return { repositories: found.slice(0, limit), more: found.length > limit };
  }

  async mountSource({ digest, ...reader }: FindMountSourceV1): Promise<RepositoryName | null> {
    if (reader.everything) return this.store.findAnyMountSource(digest);
    return this.store.findMountSource(await this.userOf(reader), digest);
  }

  /** Null for anonymous, and for a user who is gone or disabled: what is public remains. */
  private async userOf({ userId }: Reader): Promise<ReadingUser | null> {
    return userId === undefined ? null : this.accounts.findEnabled(userId);
  }
}
