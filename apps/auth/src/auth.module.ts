import {
  AccessChangeStore,
  AccessFactsStore,
  AccessKeyStore,
  AccountAdministrationStore,
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
import { AccountAdmin } from './iam/account-admin.js';
import { AccountController } from './iam/account.controller.js';
import { Authority } from './iam/authority.js';
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
import { UserAdmin } from './user/user-admin.js';
import { UserController } from './user/user.controller.js';

const STORES = [
  AccessChangeStore,
  AccessFactsStore,
  AccessKeyStore,
  AccountAdministrationStore,
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
  controllers: [
    AccessController,
    AccessKeyController,
    AccountController,
    IamController,
    TokenController,
    UserController,
  ],
  providers: [
    ...STORES,
    AccessChanges,
    AccessKeyAdmin,
    AccessKeys,
    AccessService,
    AccountAdmin,
    Authenticator,
    Authority,
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
    UserAdmin,
  ],
})
export class AuthModule {}
