import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { MAX_ACCESS_KEYS, MAX_TEMPORARY_ACCESS_KEYS, type SignedRequest } from '@berth/contracts';
import { type AccessKeyRow, AccessKeyStore, type UsableAccessKey } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { isSignedBy } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { SecretBox } from '../key/secret-box.js';

const CAPITALS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const LETTERS_AND_DIGITS = `abcdefghijklmnopqrstuvwxyz${CAPITALS_AND_DIGITS}`;
const ACCESS_KEY_LENGTH = 20;
/** 40 of 62 characters: 238 bits. */
const SECRET_KEY_LENGTH = 40;
/** How far the client's clock may be from ours. */
const SKEW_MS = 15 * 60_000;

export interface NewAccessKeyPair {
  accessKey: string;
  /** Shown now and never again. */
  secretKey: string;
  row: AccessKeyRow;
}

/**
 * Access keys of users, for scripts: AK and SK. The secret signs requests (SDK-HMAC-SHA256) and makes the key of a docker
 * login. It is stored encrypted, since neither can be verified by a hash of it.
 */
@Injectable()
export class AccessKeys {
  private readonly box: SecretBox;

  constructor(
    private readonly store: AccessKeyStore,
    settings: Settings,
  ) {
    this.box = new SecretBox(settings.secretKey!, 'access keys');
  }

  /**
   * `lifeSeconds` null: until it is disabled or removed. Others are temporary: they log docker in and sign nothing. Null
   * where the user has as many of the kind as it may.
   */
  async create(userId: string, description: string, lifeSeconds: number | null): Promise<NewAccessKeyPair | null> {
    const accessKey = random(CAPITALS_AND_DIGITS, ACCESS_KEY_LENGTH);
    const secretKey = random(LETTERS_AND_DIGITS, SECRET_KEY_LENGTH);
    const secretEncrypted = this.box.seal(secretKey);
    const most = lifeSeconds === null ? MAX_ACCESS_KEYS : MAX_TEMPORARY_ACCESS_KEYS;
    const row = await this.store.create({ id: accessKey, userId, secretEncrypted, description, lifeSeconds, most });
    return row && { accessKey, secretKey, row };
  }

  /** Whose key signed. UNAUTHORIZED where none of ours did, or a temporary one, or not within 15 minutes of now. */
  async verifySignature({ accessKey, candidates, signature, signedAt }: SignedRequest): Promise<{ userId: string }> {
    const key = await this.store.findUsable(accessKey);
    const signed = isSignedBy(key ? this.secretOf(key) : UNKNOWN_SECRET, candidates, signature);
    const isFresh = Math.abs(Date.now() - signedAt) <= SKEW_MS;
    if (!key || key.expiresAt !== null || !signed || !isFresh) throw registryError('UNAUTHORIZED');
    return { userId: key.userId };
  }

  /** The user whose access key makes this key of a docker login; null where none does. */
  async findByLogin(accessKey: string, loginKey: string): Promise<UsableAccessKey | null> {
    const key = await this.store.findUsable(accessKey);
    const expected = Buffer.from(loginKeyOf(accessKey, key ? this.secretOf(key) : UNKNOWN_SECRET));
    const given = Buffer.from(loginKey);
    return given.length === expected.length && timingSafeEqual(given, expected) ? key : null;
  }

  /** Whose key it is, where it is good now; else null. */
  async findOwner(accessKey: string): Promise<string | null> {
    return (await this.store.findUsable(accessKey))?.userId ?? null;
  }

  private secretOf(key: UsableAccessKey): string {
    return this.box.open(key.secretEncrypted);
  }
}

/** Compared with where there is no such key, so that a wrong AK takes as long as a wrong signature. */
const UNKNOWN_SECRET = random(LETTERS_AND_DIGITS, SECRET_KEY_LENGTH);

/** What `docker login` takes as the password of `project@AK`: lower-case hex of HMAC-SHA256(SK, AK). */
export const loginKeyOf = (accessKey: string, secretKey: string): string =>
  createHmac('sha256', secretKey).update(accessKey).digest('hex');

function random(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
