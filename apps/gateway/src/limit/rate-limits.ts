import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { MAX_KEYS_COUNTED, REQUESTS_COUNTED } from '@berth/contracts';
import { Broadcast } from '@berth/messaging';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { ClientAddress } from '../http/client-address.js';
import { answerError } from '../http/error-answer.js';
import { RequestCounts } from './request-counts.js';

/** Until another gateway has heard of a request it may admit one too many. */
const TELL_EVERY_MS = 250;
/** Whoever watches the gateway is not its client. */
const PROBES = new Set(['/livez', '/readyz']);

/**
 * Requests per minute, by address and by user. Each gateway counts for itself and tells the others what it has admitted,
 * so that all together keep to the limit; one that hears nobody keeps to it alone. A store that all share would be one more
 * question for each request, and one more thing without which there is no answer. Without a limit nothing is counted.
 */
@Injectable()
export class RateLimits implements OnModuleInit, OnModuleDestroy {
  private readonly counts: RequestCounts | null;
  private readonly gateway = randomUUID();
  /** Admitted here, and not told yet. */
  private untold = new Map<string, number>();
  private stop: () => void = () => undefined;

  constructor(
    private readonly settings: Settings,
    private readonly addresses: ClientAddress,
    private readonly broadcast: Broadcast,
    private readonly adapters: HttpAdapterHost,
  ) {
    this.counts = settings.rateLimitUser + settings.rateLimitAddress > 0 ? new RequestCounts() : null;
  }

  onModuleInit(): void {
    const { counts } = this;
    if (!counts) return;
    const timer = setInterval(() => this.tell(), TELL_EVERY_MS).unref();
    const deafen = this.broadcast.subscribe(REQUESTS_COUNTED, ({ gateway, keys, requests }) => {
      if (gateway !== this.gateway) keys.forEach((key, n) => counts.add(key, requests[n] ?? 0));
    });
    this.stop = () => {
      clearInterval(timer);
      deafen();
    };
    if (this.settings.rateLimitAddress > 0) this.countEveryRequest();
  }

  onModuleDestroy(): void {
    this.stop();
  }

  /** Counts a request whose caller is known now: for the user, or where nobody is logged in for the address. */
  countCaller(request: IncomingMessage, userId: string | undefined): void {
    const limit = this.settings.rateLimitUser;
    if (limit === 0) return;
    this.count(userId === undefined ? this.anonymous(request) : `user ${userId}`, limit);
  }

  /** TOOMANYREQUESTS where an address has used up what it may do without a login: then no password of it is looked at. */
  refuseGuesses(request: IncomingMessage): void {
    const limit = this.settings.rateLimitUser;
    if (limit > 0) this.refuseBeyond(this.anonymous(request), limit);
  }

  private anonymous(request: IncomingMessage): string {
    return `anonymous ${this.addresses.clientOf(request)}`;
  }

  /** Behind the request log, whose id the answer carries, and before anything else is done for the request. */
  private countEveryRequest(): void {
    const fastify = this.adapters.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('preParsing', (request, reply, body, done) => {
      try {
        if (!PROBES.has(request.routeOptions.url ?? '')) this.countAddress(request.raw);
      } catch (error) {
        void answerError(reply, error);
        return;
      }
      done(null, body);
    });
  }

  private countAddress(request: IncomingMessage): void {
    this.count(`address ${this.addresses.clientOf(request)}`, this.settings.rateLimitAddress);
  }

  private count(key: string, limit: number): void {
    this.refuseBeyond(key, limit);
    this.counts!.add(key, 1);
    this.untold.set(key, (this.untold.get(key) ?? 0) + 1);
    if (this.untold.size === MAX_KEYS_COUNTED) this.tell();
  }

  private refuseBeyond(key: string, limit: number): void {
    const counts = this.counts!;
    if (counts.of(key) >= limit) throw tooMany(limit, counts.secondsLeft(key));
  }

  private tell(): void {
    if (this.untold.size === 0) return;
    const keys = [...this.untold.keys()];
    const requests = [...this.untold.values()];
    this.untold = new Map();
    this.broadcast.publish(REQUESTS_COUNTED, { gateway: this.gateway, keys, requests });
  }
}

const tooMany = (limit: number, seconds: number) =>
  registryError(
    'TOOMANYREQUESTS',
    { limit, seconds: 60 },
    { message: `more than ${limit} requests in a minute`, headers: { 'retry-after': String(seconds) } },
  );
