import {
  type AccessKeyV1,
  CHANGE_ACCESS_KEY,
  ChangeAccessKeyV1,
  CREATE_ACCESS_KEY,
  CreateAccessKeyV1,
  CREATE_DOCKER_LOGIN,
  type CreatedAccessKeyV1,
  type CreatedDockerLoginV1,
  CreateDockerLoginV1,
  LIST_ACCESS_KEYS,
  ListAccessKeysV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { AccessKeyAdmin } from './access-key-admin.js';
import { DockerLogins } from './docker-logins.js';

@Controller()
export class AccessKeyController {
  constructor(
    private readonly accessKeys: AccessKeyAdmin,
    private readonly dockerLogins: DockerLogins,
  ) {}

  @Answers(CREATE_ACCESS_KEY)
  create(@Payload() request: CreateAccessKeyV1): Promise<CreatedAccessKeyV1> {
    return this.accessKeys.create(request);
  }

  @Answers(CREATE_DOCKER_LOGIN)
  createDockerLogin(@Payload() request: CreateDockerLoginV1): Promise<CreatedDockerLoginV1> {
    return this.dockerLogins.create(request);
  }

  @Answers(LIST_ACCESS_KEYS)
  list(@Payload() request: ListAccessKeysV1): Promise<{ accessKeys: AccessKeyV1[] }> {
    return this.accessKeys.list(request);
  }

  @Answers(CHANGE_ACCESS_KEY)
  change(@Payload() request: ChangeAccessKeyV1): Promise<{ accessKey: string }> {
    return this.accessKeys.change(request);
  }
}
