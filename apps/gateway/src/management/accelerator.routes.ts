import { Settings } from '@berth/platform';
import { parseWireId, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import type { ManagementRequest } from './management-request.js';

/** `domain/{domain_id}/accelerator`: mirrors of public registries, as the operator names them. */
@Injectable()
export class AcceleratorRoutes {
  constructor(
    private readonly settings: Settings,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** ACCOUNT_DENIED for any account but one's own, be there one or not. */
  async show({ actor, reply }: ManagementRequest, { account }: { account: string }): Promise<void> {
    if (parseWireId(account) !== actor.accountId) throw new SwrError('ACCOUNT_DENIED');
    const { dockerhubAccelerator, gcrAccelerator } = this.settings;
    const host = this.publicUrl.host(reply.request.raw);
    await reply.send({ dockerhub_accelerator: dockerhubAccelerator ?? host, gcr_accelerator: gcrAccelerator ?? host });
  }
}
