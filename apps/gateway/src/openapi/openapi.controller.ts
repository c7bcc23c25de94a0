import { createHash } from 'node:crypto';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicUrl } from '../http/public-url.js';
import { isNotModified } from '../registry/content-headers.js';
import { ManagementRoutes } from '../management/management-routes.js';
import { RegistryRoutes } from '../registry/registry-routes.js';
import { buildDocument } from './build-document.js';

/** The description of all HTTP that the gateway serves, made once. Nothing in it is secret: anybody may read it. */
@Controller()
export class OpenApiController {
  private readonly text: string;
  private readonly tag: string;

  constructor(routes: RegistryRoutes, management: ManagementRoutes, publicUrl: PublicUrl) {
    this.text = JSON.stringify(buildDocument(routes, management, publicUrl.location('') || '/'));
    this.tag = createHash('sha256').update(this.text).digest('base64url');
  }

  @Get('openapi.json')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    reply.header('etag', `"${this.tag}"`).header('cache-control', 'public, max-age=300');
    if (isNotModified(request, this.tag)) return void (await reply.status(304).send());
    await reply.type('application/json').send(this.text);
  }
}
