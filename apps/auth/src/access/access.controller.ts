import {
  AUTHENTICATE,
  AuthenticateV1,
  AUTHORIZE,
  type AccessChangesV1,
  type AuthorizedV1,
  AuthorizeV1,
  DECIDE_ACCESS,
  DecideAccessV1,
  type DecidedAccessV1,
  FIND_MOUNT_SOURCE,
  FindMountSourceV1,
  type Identity,
  LIST_ACCESS_CHANGES,
  LIST_READABLE_REPOSITORIES,
  ListAccessChangesV1,
  ListReadableRepositoriesV1,
  type RepositoryPageV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Authenticator } from '../user/authenticator.js';
import { AccessChanges } from './access-changes.js';
import { principalOf } from './access-engine.js';
import { AccessService } from './access.service.js';
import { DecideAccess } from './decide-access.js';
import { ReadableRepositories } from './readable-repositories.js';

@Controller()
export class AccessController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: AccessService,
    private readonly decideAccess: DecideAccess,
    private readonly readable: ReadableRepositories,
    private readonly changes: AccessChanges,
  ) {}

  @Answers(AUTHENTICATE)
  async authenticate(@Payload() { username, password, address }: AuthenticateV1): Promise<Identity> {
    const { user, credential } = await this.authenticator.byLogin({ name: username, address }, password);
    return { userId: user.id, credential };
  }

  @Answers(AUTHORIZE)
  async authorize(@Payload() { identity, userId, scopes }: AuthorizeV1): Promise<AuthorizedV1> {
    if (identity) return this.access.intersect(principalOf(await this.authenticator.byIdentity(identity)), scopes);
    if (userId === undefined) return this.access.intersect({ kind: 'anonymous' }, scopes);
    return this.access.intersect(principalOf(await this.authenticator.byId(userId)), scopes);
  }

  @Answers(DECIDE_ACCESS)
  decide(@Payload() request: DecideAccessV1): Promise<DecidedAccessV1> {
    return this.decideAccess.run(request);
  }

  @Answers(LIST_ACCESS_CHANGES)
  listChanges(@Payload() request: ListAccessChangesV1): Promise<AccessChangesV1> {
    return this.changes.list(request);
  }

  @Answers(LIST_READABLE_REPOSITORIES)
  list(@Payload() request: ListReadableRepositoriesV1): Promise<RepositoryPageV1> {
    return this.readable.list(request);
  }

  @Answers(FIND_MOUNT_SOURCE)
  async findMountSource(@Payload() request: FindMountSourceV1): Promise<{ repository: RepositoryName | null }> {
    return { repository: await this.readable.mountSource(request) };
  }
}
