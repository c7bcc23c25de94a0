import type { IncomingMessage } from 'node:http';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';

/** RFC 9110 section 7.2, without the characters that no host has and that would end a quoted string. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/**
 * How clients reach this registry. What they send in X-Forwarded headers is not believed: behind a proxy the operator says
 * it once, in BERTH_PUBLIC_URL.
 */
@Injectable()
export class PublicUrl {
  private readonly configured: string | null;

  constructor(settings: Settings) {
    this.configured = settings.publicUrl?.replace(/\/+$/, '') ?? null;
  }

  /** For Location: without a configured URL the path alone, which needs no guess. */
  location(path: string): string {
    return (this.configured ?? '') + path;
  }

  /** `host` or `host:port` as docker would use it: what image names begin with. */
  host({ headers }: IncomingMessage): string {
    if (this.configured !== null) return new URL(this.configured).host;
    return HOST.test(headers.host ?? '') ? headers.host! : 'localhost';
  }

  /** For the token realm, which must be absolute: without a configured URL the host that the client asked, where it is one. */
  absolute(request: IncomingMessage, path: string): string {
    return (this.configured ?? `http://${this.host(request)}`) + path;
  }
}
