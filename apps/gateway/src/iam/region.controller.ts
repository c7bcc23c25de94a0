import { Settings } from '@berth/platform';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicUrl } from '../http/public-url.js';
import { IamError } from './iam-error.js';
import { IamRequests } from './iam-requests.js';

const PATH = '/v3/regions';

/** The one region, BERTH_REGION, which SDKs look for. Source: IAM API reference, "Regions". */
@Controller('v3/regions')
export class RegionController {
  constructor(
    private readonly requests: IamRequests,
    private readonly publicUrl: PublicUrl,
    private readonly settings: Settings,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async () => {
      const self = this.publicUrl.absolute(request.raw, PATH);
      await reply.send({ regions: [this.shown(request)], links: { self, previous: null, next: null } });
    });
  }

  @Get(':regionId')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.requests.answer(request, reply, async () => {
      const { regionId } = request.params as { regionId: string };
      if (regionId !== this.settings.region) throw new IamError(404, 'there is no such region');
      await reply.send({ region: this.shown(request) });
    });
  }

  private shown(request: FastifyRequest) {
    const id = this.settings.region;
    return {
      id,
      type: 'public',
      description: '',
      parent_region_id: null,
      locales: { 'en-us': id, 'zh-cn': id },
      links: { self: this.publicUrl.absolute(request.raw, `${PATH}/${id}`) },
    };
  }
}
