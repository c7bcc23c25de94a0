import type { IncomingMessage } from 'node:http';
import { type Actor, VERIFY_SIGNATURE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { parseRequestSignature, signingDate, stringsToSign, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';

/** Finds out who makes a request to the management API: by the signature of an access key. */
@Injectable()
export class ActorAuthenticator {
  constructor(private readonly bus: MessageBus) {}

  /** CREDENTIALS_MISSING, SIGNATURE_INVALID. `bodySha256` is of the raw body, in hex. */
  async authenticate(request: IncomingMessage, bodySha256: string): Promise<Actor> {
    const { authorization } = request.headers;
    if (authorization === undefined) throw new SwrError('CREDENTIALS_MISSING');
    const signature = parseRequestSignature(authorization);
    const headers = headersOf(request);
    const signedAt = signingDate(headers);
    if (!signature || !signedAt) throw new SwrError('SIGNATURE_INVALID');
    const { method = '', url: target = '' } = request;
    const candidates = stringsToSign({ method, target, headers, bodySha256 }, signature.signedHeaders);
    try {
      const { actor } = await this.bus.request(VERIFY_SIGNATURE, {
        accessKey: signature.accessKey,
        candidates,
        signature: signature.signature,
        signedAt: signedAt.getTime(),
      });
      return actor;
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'UNAUTHORIZED') throw new SwrError('SIGNATURE_INVALID');
      throw error;
    }
  }
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
