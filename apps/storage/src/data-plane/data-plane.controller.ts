import { parseRange, RegistryError } from '@berth/oci';
import { beginAnswer, REQUEST_ID, runInRequestContext } from '@berth/messaging';
import { sendBody } from '@berth/platform';
import { Controller, Get, Headers, Logger, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataPlane } from './data-plane.js';
import { ReadGrants } from './read-grants.js';

/** The data plane over HTTP, on the internal port. Whoever holds a grant may use it; nothing else is asked. */
@Controller('data')
export class DataPlaneController {
  private readonly logger = new Logger(DataPlaneController.name);

  constructor(
    private readonly dataPlane: DataPlane,
    private readonly grants: ReadGrants,
  ) {}

  @Post('uploads/:grant')
  async append(
    @Param('grant') grant: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.answering('data plane append', request, reply, async () =>
      reply.status(200).send(await this.dataPlane.append(grant, request.raw.iterator({ destroyOnReturn: false }))),
    );
  }

  @Get('objects/:grant')
  async read(
    @Param('grant') grant: string,
    @Headers('range') header: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.answering('data plane read', request, reply, async () => {
      const range = header === undefined ? null : parseRange(header, this.grants.verify(grant).size);
      const body = await this.dataPlane.read(grant, range && range !== 'unsatisfiable' ? range : undefined);
      reply.header('content-type', 'application/octet-stream');
      await sendBody(reply, range ? 206 : 200, body);
    });
  }

  /** On behalf of the gateway's request, and as a part of its trace. */
  private async answering(
    what: string,
    request: FastifyRequest,
    reply: FastifyReply,
    work: () => Promise<unknown>,
  ): Promise<void> {
    const requestId = request.headers[REQUEST_ID];
    const answer = beginAnswer(what, request.headers, false);
    const run = () => this.answer(reply, work);
    const traced = () => (answer ? answer.run(run) : run());
    try {
      await (typeof requestId === 'string' ? runInRequestContext({ requestId }, traced) : traced());
    } finally {
      answer?.describe(what, {}, reply.statusCode);
      answer?.end();
    }
  }

  private async answer(reply: FastifyReply, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const known = error instanceof RegistryError ? error : new RegistryError('UNKNOWN', undefined, { cause: error });
      if (known.status >= 500) this.logger.error({ msg: 'transfer failed', err: error });
      if (reply.sent) return;
      // The gateway may still be sending: it has to get the answer over this connection.
      reply.request.raw.resume();
      await reply.status(known.status).send(known.toWire());
    }
  }
}
