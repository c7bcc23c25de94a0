import {
  ADD_SHARE,
  AddShareV1,
  LIST_SHARES,
  ListSharesV1,
  REMOVE_SHARE,
  RemoveShareV1,
  type ShareV1,
  UPDATE_SHARE,
  UpdateShareV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Shares } from './shares.js';

@Controller()
export class ShareController {
  constructor(private readonly shares: Shares) {}

  @Answers(ADD_SHARE)
  add(@Payload() request: AddShareV1): Promise<{ account: string }> {
    return this.shares.add(request);
  }

  @Answers(UPDATE_SHARE)
  update(@Payload() request: UpdateShareV1): Promise<{ account: string }> {
    return this.shares.update(request);
  }

  @Answers(REMOVE_SHARE)
  remove(@Payload() request: RemoveShareV1): Promise<{ account: string }> {
    return this.shares.remove(request);
  }

  @Answers(LIST_SHARES)
  list(@Payload() request: ListSharesV1): Promise<{ shares: ShareV1[] }> {
    return this.shares.list(request);
  }
}
