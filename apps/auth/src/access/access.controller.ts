import {
  AUTHENTICATE,
  AuthenticateV1,
  AUTHORIZE,
  type AuthorizedV1,
  AuthorizeV1,
  DECIDE_ACCESS,
  DecideAccessV1,
  type DecidedAccessV1,
  FIND_MOUNT_SOURCE,
  FindMountSourceV1,
  LIST_READABLE_REPOSITORIES,
  ListReadableRepositoriesV1,
  type RepositoryPageV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Authenticator } from '../user/authenticator.js';
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
  ) {}

  @Answers(AUTHENTICATE)
  async authenticate(@Payload() { username, password }: AuthenticateV1): Promise<{ userId: string }> {
    return { userId: (await this.authenticator.byLogin(username, password)).id };
  }

  @Answers(AUTHORIZE)
  async authorize(@Payload() { userId, scopes }: AuthorizeV1): Promise<AuthorizedV1> {
    return this.access.intersect(principalOf(await this.authenticator.byId(userId)), scopes);
  }

  @Answers(DECIDE_ACCESS)
  decide(@Payload() request: DecideAccessV1): Promise<DecidedAccessV1> {
    return this.decideAccess.run(request);
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
