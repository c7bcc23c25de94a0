import {
  CHANGE_PASSWORD,
  CHANGE_USER,
  ChangePasswordV1,
  ChangeUserV1,
  CREATE_USER,
  CreateUserV1,
  LIST_USERS,
  ListUsersV1,
  SHOW_USER,
  ShowUserV1,
  type UserV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { UserAdmin } from './user-admin.js';

@Controller()
export class UserController {
  constructor(private readonly users: UserAdmin) {}

  @Answers(CREATE_USER)
  create(@Payload() request: CreateUserV1): Promise<UserV1> {
    return this.users.create(request);
  }

  @Answers(SHOW_USER)
  show(@Payload() request: ShowUserV1): Promise<UserV1> {
    return this.users.show(request);
  }

  @Answers(LIST_USERS)
  list(@Payload() request: ListUsersV1): Promise<{ users: UserV1[]; more: boolean }> {
    return this.users.list(request);
  }

  @Answers(CHANGE_USER)
  change(@Payload() request: ChangeUserV1): Promise<UserV1> {
    return this.users.change(request);
  }

  @Answers(CHANGE_PASSWORD)
  changePassword(@Payload() request: ChangePasswordV1): Promise<{ userId: string }> {
    return this.users.changePassword(request);
  }
}
