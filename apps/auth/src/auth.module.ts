import { AccessFactsStore, AccountStore, Database, ReadableRepositoryStore, SigningKeyStore } from '@berth/metadata';
import { Module } from '@nestjs/common';
import { AccessController } from './access/access.controller.js';
import { AccessService } from './access/access.service.js';
import { ReadableRepositories } from './access/readable-repositories.js';
import { SigningKeys } from './key/signing-keys.js';
import { IssueToken } from './token/issue-token.js';
import { RefreshTokens } from './token/refresh-tokens.js';
import { TokenController } from './token/token.controller.js';
import { Authenticator } from './user/authenticator.js';
import { FirstAccount } from './user/first-account.js';

const STORES = [AccessFactsStore, AccountStore, ReadableRepositoryStore, SigningKeyStore].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

@Module({
  controllers: [AccessController, TokenController],
  providers: [
    ...STORES,
    AccessService,
    Authenticator,
    FirstAccount,
    IssueToken,
    ReadableRepositories,
    RefreshTokens,
    SigningKeys,
  ],
})
export class AuthModule {}
