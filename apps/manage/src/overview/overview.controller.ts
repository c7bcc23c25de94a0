import { type OverviewV1, SHOW_OVERVIEW, ShowOverviewV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { OverviewStore } from '@berth/metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

@Controller()
export class OverviewController {
  constructor(private readonly overview: OverviewStore) {}

  @Answers(SHOW_OVERVIEW)
  show(@Payload() { accountId }: ShowOverviewV1): Promise<OverviewV1> {
    return this.overview.show(accountId);
  }
}
