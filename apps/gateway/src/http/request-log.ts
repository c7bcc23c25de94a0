import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { type Answer, beginAnswer, REQUEST_ID, runInRequestContext } from '@berth/messaging';
import { HttpTraffic, Metrics } from '@berth/platform';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { ClientAddress } from './client-address.js';
import { userOf } from './request-user.js';

const ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives every request its id and its trace, which it keeps through all services, and one log line and one measurement at its end. */
@Injectable()
export class RequestLog implements OnModuleInit {
  private readonly logger = new Logger('Http');
  private readonly durations: Histogram<'route' | 'method' | 'status'>;
  private readonly inFlight: Gauge;
  private readonly cut: Counter<'route'>;
  private readonly traffic: HttpTraffic;
  private readonly answers = new WeakMap<IncomingMessage, Answer>();

  constructor(
    private readonly adapters: HttpAdapterHost,
    metrics: Metrics,
    private readonly addresses: ClientAddress,
  ) {
    this.durations = metrics.durations(
      'berth_http_request_duration_seconds',
      "Requests of clients until the answer is written; `route` is the spec's id of a registry endpoint, else the path's template",
      ['route', 'method', 'status'],
    );
    this.inFlight = metrics.level('berth_http_requests_in_flight', 'Requests of clients that are not answered yet');
    this.cut = metrics.counter(
      'berth_http_answers_cut_total',
      'Answers whose connection ended before their last byte, whoever ended it',
      ['route'],
    );
    this.traffic = new HttpTraffic(
      metrics,
      'berth_http_bytes_total',
      'Bytes that came `in` from clients and went `out` to them, headers included',
    );
  }

  onModuleInit(): void {
    this.traffic.watch(this.adapters.httpAdapter.getHttpServer() as Server);
    const fastify = this.adapters.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, reply, done) => {
      const given = request.headers[REQUEST_ID];
      const requestId = typeof given === 'string' && ID.test(given) ? given : randomUUID();
      reply.header(REQUEST_ID, requestId);
      const answer = beginAnswer(request.method, request.headers, true);
      if (answer) this.answers.set(request.raw, answer);
      this.inFlight.inc();
      reply.raw.once('close', () => {
        this.inFlight.dec();
        if (!reply.raw.writableFinished) this.recordCut(request, reply);
        if (answer) this.trace(answer, request, reply);
      });
      const context = { requestId, origin: { address: this.addresses.of(request.raw) } };
      const goOn = () => runInRequestContext(context, done);
      if (answer) answer.run(goOn);
      else goOn();
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      this.record(request, reply);
      done();
    });
  }

  private record(request: FastifyRequest, reply: FastifyReply): void {
    const { method } = request;
    const { statusCode: status, elapsedTime } = reply;
    this.durations.observe({ route: routeOf(request, reply), method, status }, elapsedTime / 1000);
    this.write('request', request, reply);
  }

  private recordCut(request: FastifyRequest, reply: FastifyReply): void {
    this.cut.inc({ route: routeOf(request, reply) });
    this.write('request cut short', request, reply);
  }

  private trace(answer: Answer, request: FastifyRequest, reply: FastifyReply): void {
    const [method, route] = [request.method, routeOf(request, reply)];
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'url.path': pathOf(request),
      'berth.request_id': String(reply.getHeader(REQUEST_ID)),
    };
    answer.describe(`${method} ${route}`, attributes, reply.statusCode);
    answer.end();
  }

  private write(msg: string, request: FastifyRequest, reply: FastifyReply): void {
    const { method } = request;
    const { statusCode: status, elapsedTime } = reply;
    const userId = userOf(request.raw);
    const traceId = this.answers.get(request.raw)?.traceId;
    this.logger.log({
      msg,
      method,
      path: pathOf(request),
      route: routeOf(request, reply),
      status,
      ms: Math.round(elapsedTime * 10) / 10,
      ip: this.addresses.of(request.raw),
      ...(userId !== undefined && { userId }),
      requestId: reply.getHeader(REQUEST_ID),
      ...(traceId !== undefined && { traceId }),
    });
  }
}

const pathOf = ({ originalUrl }: FastifyRequest): string => originalUrl.split('?', 1)[0]!;

/** What nobody serves is one route, whatever its path. */
const routeOf = (request: FastifyRequest, reply: FastifyReply): string =>
  reply.registryRoute ?? request.routeOptions.url ?? 'none';

declare module 'fastify' {
  interface FastifyReply {
    /** Which endpoint of the registry served the request: a bounded label for logs and metrics. */
    registryRoute?: string;
  }
}
