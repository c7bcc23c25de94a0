import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ReadGrantV1 } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { DataPlaneAddress } from './data-plane-address.js';

export interface ReadableObject {
  objectKey: string;
  size: number;
}

interface SignedGrant extends ReadableObject {
  /** Unix time in milliseconds. */
  expires: number;
}

/**
 * The right to read one object until a moment. A grant names the process that gave it, so its key is this process's own
 * and never leaves it: there is no secret to share, and a restart only makes gateways ask again.
 */
@Injectable()
export class ReadGrants {
  private readonly key = createSecretKey(randomBytes(32));

  constructor(
    private readonly settings: Settings,
    private readonly address: DataPlaneAddress,
  ) {}

  issue(object: ReadableObject): ReadGrantV1 {
    const expiresIn = this.settings.readGrantSeconds;
    const grant: SignedGrant = { ...object, expires: Date.now() + expiresIn * 1000 };
    const text = Buffer.from(JSON.stringify(grant)).toString('base64url');
    return { url: this.address.url('objects', `${text}.${this.sign(text)}`), expiresIn };
  }

  /** DENIED where the grant is not of this process, was changed, or has expired. */
  verify(grant: string): ReadableObject {
    const [text = '', signature = ''] = grant.split('.');
    const given = Buffer.from(signature);
    const expected = Buffer.from(this.sign(text));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw registryError('DENIED');
    const { objectKey, size, expires } = JSON.parse(Buffer.from(text, 'base64url').toString()) as SignedGrant;
    if (expires < Date.now()) throw registryError('DENIED');
    return { objectKey, size };
  }

  private sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}
