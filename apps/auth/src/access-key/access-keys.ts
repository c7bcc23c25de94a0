import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { type Identity, MAX_ACCESS_KEYS, MAX_TEMPORARY_ACCESS_KEYS, type SignedRequest } from '@berth/contracts';
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

/** What makes a key a temporary one: it logs docker in and signs nothing. */
export interface TemporaryKey {
  lifeSeconds: number;
  /** The credential that it ends with. Null: none. */
  madeWith: string | null;
}

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

  /** Null where the user has as many of the kind as it may. */
  async create(
    userId: string,
    description: string,
    temporary: TemporaryKey | null = null,
  ): Promise<NewAccessKeyPair | null> {
    const accessKey = random(CAPITALS_AND_DIGITS, ACCESS_KEY_LENGTH);
    const secretKey = random(LETTERS_AND_DIGITS, SECRET_KEY_LENGTH);
    const secretEncrypted = this.box.seal(secretKey);
    const { lifeSeconds, madeWith } = temporary ?? { lifeSeconds: null, madeWith: null };
    const most = temporary ? MAX_TEMPORARY_ACCESS_KEYS : MAX_ACCESS_KEYS;
    const row = await this.store.create({
      id: accessKey,
      ...{ userId, secretEncrypted, description, lifeSeconds, madeWith, most },
    });
    return row && { accessKey, secretKey, row };
  }

  /** Whose key signed. UNAUTHORIZED where none of ours did, or a temporary one, or not within 15 minutes of now. */
  async verifySignature({ accessKey, candidates, signature, signedAt }: SignedRequest): Promise<Identity> {
    const key = await this.store.findUsable(accessKey);
    const signed = isSignedBy(key ? this.secretOf(key) : UNKNOWN_SECRET, candidates, signature);
    const isFresh = Math.abs(Date.now() - signedAt) <= SKEW_MS;
    if (!key || key.expiresAt !== null || !signed || !isFresh) throw registryError('UNAUTHORIZED');
    return { userId: key.userId, credential: accessKeyCredential(accessKey) };
  }

  /** The user whose access key makes this key of a docker login; null where none does. */
  async findByLogin(accessKey: string, loginKey: string): Promise<UsableAccessKey | null> {
    const key = await this.store.findUsable(accessKey);
    const expected = Buffer.from(loginKeyOf(accessKey, key ? this.secretOf(key) : UNKNOWN_SECRET));
    const given = Buffer.from(loginKey);
    return given.length === expected.length && timingSafeEqual(given, expected) ? key : null;
  }

  /** The key of such a credential, where it is good now; else null. What it was made with is not looked at. */
  async findByCredential(credential: string): Promise<UsableAccessKey | null> {
    return this.store.findUsable(credential.slice(BY_ACCESS_KEY.length));
  }

  private secretOf(key: UsableAccessKey): string {
    return this.box.open(key.secretEncrypted);
  }
}

/** What a credential by access key begins with; the key follows. */
const BY_ACCESS_KEY = 'access-key:';
export const accessKeyCredential = (accessKey: string): string => BY_ACCESS_KEY + accessKey;
export const isByAccessKey = (credential: string): boolean => credential.startsWith(BY_ACCESS_KEY);

/** Compared with where there is no such key, so that a wrong AK takes as long as a wrong signature. */
const UNKNOWN_SECRET = random(LETTERS_AND_DIGITS, SECRET_KEY_LENGTH);

/** What `docker login` takes as the password of `project@AK`: lower-case hex of HMAC-SHA256(SK, AK). */
export const loginKeyOf = (accessKey: string, secretKey: string): string =>
  createHmac('sha256', secretKey).update(accessKey).digest('hex');

function random(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
