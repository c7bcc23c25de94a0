import { randomUUID } from 'node:crypto';
import { runInRequestContext } from '@berth/messaging';
import { Metrics } from '@berth/platform';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ClientAddress } from './client-address.js';
import { userOf } from './request-user.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives every request its id, which it keeps through all services, and one log line and one measurement at its end. */
@Injectable()
export class RequestLog implements OnModuleInit {
  private readonly logger = new Logger('Http');

  constructor(
    private readonly adapters: HttpAdapterHost,
    private readonly metrics: Metrics,
    private readonly addresses: ClientAddress,
  ) {}

  onModuleInit(): void {
    const fastify = this.adapters.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, reply, done) => {
      const given = request.headers['x-request-id'];
      const requestId = typeof given === 'string' && ID.test(given) ? given : randomUUID();
      reply.header('x-request-id', requestId);
      runInRequestContext({ requestId }, done);
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      this.record(request, reply);
      done();
    });
  }

  private record(request: FastifyRequest, reply: FastifyReply): void {
    const { method, originalUrl } = request;
    const { statusCode: status, elapsedTime } = reply;
    const userId = userOf(request.raw);
    const route = reply.registryRoute ?? request.routeOptions.url ?? 'none';
    this.metrics.httpRequests.observe({ route, method, status }, elapsedTime / 1000);
    this.logger.log({
      msg: 'request',
      method,
      path: originalUrl.split('?', 1)[0],
      route,
      status,
      ms: Math.round(elapsedTime * 10) / 10,
      ip: this.addresses.of(request.raw),
      ...(userId !== undefined && { userId }),
      requestId: reply.getHeader('x-request-id'),
    });
  }
}

declare module 'fastify' {
  interface FastifyReply {
    /** Which endpoint of the registry served the request: a bounded label for logs and metrics. */
    registryRoute?: string;
  }
}
