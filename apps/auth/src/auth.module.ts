import {
  AccessChangeStore,
  AccessFactsStore,
  AccessKeyStore,
  AccountStore,
  Database,
  LoginFailureStore,
  ProjectStore,
  ReadableRepositoryStore,
  SigningKeyStore,
} from '@berth/metadata';
import { Module } from '@nestjs/common';
import { AccessChanges } from './access/access-changes.js';
import { AccessController } from './access/access.controller.js';
import { AccessKeyAdmin } from './access-key/access-key-admin.js';
import { AccessKeyController } from './access-key/access-key.controller.js';
import { AccessKeys } from './access-key/access-keys.js';
import { DockerLogins } from './access-key/docker-logins.js';
import { AccessService } from './access/access.service.js';
import { DecideAccess } from './access/decide-access.js';
import { ReadableRepositories } from './access/readable-repositories.js';
import { IamController } from './iam/iam.controller.js';
import { IamTokens } from './iam/iam-tokens.js';
import { SigningKeys } from './key/signing-keys.js';
import { IssueToken } from './token/issue-token.js';
import { RefreshTokens } from './token/refresh-tokens.js';
import { SignedTokens } from './token/signed-tokens.js';
import { TokenController } from './token/token.controller.js';
import { Authenticator } from './user/authenticator.js';
import { FirstAccount } from './user/first-account.js';
import { LoginThrottle } from './user/login-throttle.js';

const STORES = [
  AccessChangeStore,
  AccessFactsStore,
  AccessKeyStore,
  AccountStore,
  LoginFailureStore,
  ProjectStore,
  ReadableRepositoryStore,
  SigningKeyStore,
].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

@Module({
  controllers: [AccessController, AccessKeyController, IamController, TokenController],
  providers: [
    ...STORES,
    AccessChanges,
    AccessKeyAdmin,
    AccessKeys,
    AccessService,
    Authenticator,
    DecideAccess,
    DockerLogins,
    FirstAccount,
    IamTokens,
    IssueToken,
    LoginThrottle,
    ReadableRepositories,
    RefreshTokens,
    SignedTokens,
    SigningKeys,
  ],
})
export class AuthModule {}
