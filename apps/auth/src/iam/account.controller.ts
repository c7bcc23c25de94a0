import {
  type AccountV1,
  CHANGE_ACCOUNT,
  ChangeAccountV1,
  CREATE_ACCOUNT,
  CREATE_PROJECT,
  CreateAccountV1,
  CreateProjectV1,
  LIST_ACCOUNTS,
  ListAccountsV1,
  type ProjectV1,
  SHOW_ACCOUNT,
  ShowAccountV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { AccountAdmin } from './account-admin.js';

@Controller()
export class AccountController {
  constructor(private readonly accounts: AccountAdmin) {}

  @Answers(CREATE_ACCOUNT)
  create(@Payload() request: CreateAccountV1): Promise<AccountV1> {
    return this.accounts.create(request);
  }

  @Answers(SHOW_ACCOUNT)
  show(@Payload() request: ShowAccountV1): Promise<AccountV1> {
    return this.accounts.show(request);
  }

  @Answers(LIST_ACCOUNTS)
  list(@Payload() request: ListAccountsV1): Promise<{ accounts: AccountV1[]; more: boolean }> {
    return this.accounts.list(request);
  }

  @Answers(CHANGE_ACCOUNT)
  change(@Payload() request: ChangeAccountV1): Promise<AccountV1> {
    return this.accounts.change(request);
  }

  @Answers(CREATE_PROJECT)
  createProject(@Payload() request: CreateProjectV1): Promise<{ accountId: string; project: ProjectV1 }> {
    return this.accounts.createProject(request);
  }
}
