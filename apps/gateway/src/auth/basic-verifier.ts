import { createHmac, randomBytes } from 'node:crypto';
import { AUTHENTICATE, type Identity } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AccessChanges, userSubject } from './access-changes.js';
import type { BasicCredentials } from './basic-credentials.js';
import type { Caller } from './caller.js';
import { CurrentAccess } from './current-access.js';

const CREDENTIALS_REMEMBERED = 10_000;
/** Short, so that a password that was just changed works soon. */
const REFUSAL_MS = 5_000;

interface Verified {
  caller: Caller;
  identity: Identity;
  /** Under which auth's answers for it are remembered: with the caller they are forgotten. */
  memory: string;
  /** The latest change that was known when it was asked. */
  change: number;
  until: number;
}

/**
 * Basic credentials on the registry's routes. auth is asked once and the outcome remembered for BERTH_BASIC_SECONDS, with
 * the rights that were asked for: a request costs no password hash, and at most one small question per repository. When
 * something of the user has changed meanwhile, auth is asked whether the credentials are still good, without a hash.
 * What is remembered is found by a keyed hash, whose key no other process has, and never holds the password.
 */
@Injectable()
export class BasicVerifier {
  private readonly key = randomBytes(32);
  private readonly verified = new LRUCache<string, Verified>({ max: CREDENTIALS_REMEMBERED });
  private readonly refusedUntil = new LRUCache<string, number>({ max: CREDENTIALS_REMEMBERED });
  private readonly asking = new Map<string, Promise<Caller>>();
  private callers = 0;

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly changes: AccessChanges,
    private readonly access: CurrentAccess,
  ) {}

  /**
   * UNAUTHORIZED where they are wrong, TOOMANYREQUESTS where too many from `address` were. Requests that come from it at
   * once share one question. `beforeAsking` may refuse: it is called where auth would have to be asked.
   */
  async verify(
    credentials: BasicCredentials,
    address: string,
    beforeAsking: () => void = () => undefined,
  ): Promise<Caller> {
    const id = this.idOf(credentials);
    const known = this.verified.get(id);
    if (known && known.until > Date.now() && (await this.isStillGood(id, known))) return known.caller;
    if ((this.refusedUntil.get(id) ?? 0) > Date.now()) throw wrong();
    const asking = this.asking.get(`${id} ${address}`);
    if (asking) return asking;
    beforeAsking();
    return this.ask(id, credentials, address);
  }

  /** No name holds a NUL. */
  private idOf({ username, password }: BasicCredentials): string {
    return createHmac('sha256', this.key).update(`${username}\0${password}`).digest('base64url');
  }

  private async isStillGood(id: string, { identity, memory, change }: Verified): Promise<boolean> {
    if (this.changes.latest([userSubject(identity.userId)]) <= change) return true;
    try {
      await this.access.confirm(identity, memory);
      return true;
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      this.verified.delete(id);
      return false;
    }
  }

  private ask(id: string, credentials: BasicCredentials, address: string): Promise<Caller> {
    const question = `${id} ${address}`;
    const asked = this.callerOf(id, credentials, address).finally(() => this.asking.delete(question));
    this.asking.set(question, asked);
    return asked;
  }

  private async callerOf(id: string, credentials: BasicCredentials, address: string): Promise<Caller> {
    try {
      const before = this.changes.heardOf;
      const identity = await this.bus.request(AUTHENTICATE, { ...credentials, address });
      const memory = `basic ${this.callers++}`;
      const caller = this.caller(id, identity, memory);
      const until = Date.now() + this.settings.basicSeconds * 1000;
      this.verified.set(id, { caller, identity, memory, change: before, until });
      return caller;
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      this.refusedUntil.set(id, Date.now() + REFUSAL_MS);
      throw wrong(error);
    }
  }

  private caller(id: string, identity: Identity, memory: string): Caller {
    const may: Caller['may'] = async (action, repository) => {
      try {
        return (await this.access.actions(identity, repository, memory)).has(action);
      } catch (error) {
        if (isUnauthorized(error)) this.verified.delete(id);
        throw error;
      }
    };
    const wasRefused: Caller['wasRefused'] = async (action, repository) => !(await may(action, repository));
    return { userId: identity.userId, identity, everything: false, mayList: true, may, wasRefused };
  }
}

const isUnauthorized = (error: unknown): boolean => error instanceof RegistryError && error.code === 'UNAUTHORIZED';

const wrong = (cause?: unknown) =>
  registryError('UNAUTHORIZED', undefined, { cause, message: 'wrong user name or password' });
