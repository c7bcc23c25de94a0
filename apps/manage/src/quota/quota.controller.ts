import { LIST_QUOTAS, ListQuotasV1, type QuotaV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Quotas } from './quotas.js';

@Controller()
export class QuotaController {
  constructor(private readonly quotas: Quotas) {}

  @Answers(LIST_QUOTAS)
  list(@Payload() request: ListQuotasV1): Promise<{ quotas: QuotaV1[] }> {
    return this.quotas.list(request);
  }
}
