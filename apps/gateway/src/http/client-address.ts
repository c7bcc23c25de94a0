import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';

/** One customer's network in IPv6: whoever has one address of it has them all. */
const NETWORK_BITS = 64;

/**
 * Where a request comes from: its peer, or behind proxies that the operator trusts, the last address of X-Forwarded-For
 * that none of them has. What else they forward is not believed (public-url.ts).
 */
@Injectable()
export class ClientAddress {
  private readonly trusts: ((address: string, hop: number) => boolean) | null;

  constructor({ trustedProxies }: Settings) {
    this.trusts = trustedProxies ? proxyAddr.compile(trustedProxies) : null;
  }

  /** Empty where the peer has left already. */
  of(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? '';
    if (this.trusts === null || peer === '') return peer;
    const address = proxyAddr(request, this.trusts);
    return isIP(address) === 0 ? peer : address;
  }

  /** What counts as one client: an IPv4 address, however it is written, or a /64 network of IPv6. */
  clientOf(request: IncomingMessage): string {
    const text = this.of(request);
    if (isIP(text) === 0) return text;
    const address = ipaddr.process(text);
    if (address instanceof ipaddr.IPv4) return address.toString();
    return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${NETWORK_BITS}`).toString()}/${NETWORK_BITS}`;
  }
}
