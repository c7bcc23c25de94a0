import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { PublicUrl } from '../http/public-url.js';

/** When this version of the API was described. */
const UPDATED = '2022-08-30T00:00:00Z';

/**
 * Which versions of the management API there are, for anybody. `/v2` without a slash is one of them; `/v2/` is the
 * registry. Source: the SWR API reference, "Querying API Versions".
 */
@Controller()
export class VersionController {
  constructor(private readonly publicUrl: PublicUrl) {}

  @Get()
  list(@Req() { raw }: FastifyRequest): object {
    return { versions: [this.version(raw)] };
  }

  @Get('v2')
  show(@Req() { raw }: FastifyRequest): object {
    return { version: this.version(raw) };
  }

  private version(request: FastifyRequest['raw']): object {
    const links = { href: this.publicUrl.absolute(request, '/v2'), rel: 'self' };
    return { id: 'v2', links, version: '2.0', status: 'CURRENT', updated: UPDATED, min_version: '2.0' };
  }
}
