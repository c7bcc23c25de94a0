import { AccessFactsStore, AccountStore, Database, SigningKeyStore } from '@berth/metadata';
import { Module } from '@nestjs/common';
import { AccessService } from './access/access.service.js';
import { SigningKeys } from './key/signing-keys.js';
import { IssueToken } from './token/issue-token.js';
import { TokenController } from './token/token.controller.js';
import { Authenticator } from './user/authenticator.js';
import { FirstAccount } from './user/first-account.js';

const STORES = [AccessFactsStore, AccountStore, SigningKeyStore].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

@Module({
  controllers: [TokenController],
  providers: [...STORES, AccessService, Authenticator, FirstAccount, IssueToken, SigningKeys],
})
export class AuthModule {}
