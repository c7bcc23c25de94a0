import { createHmac, randomBytes } from 'node:crypto';
import { AUTHENTICATE, AUTHORIZE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, registryError, type RepositoryName } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { BasicCredentials } from './basic-credentials.js';
import type { Caller } from './caller.js';

const CREDENTIALS_REMEMBERED = 10_000;
const RIGHTS_REMEMBERED = 20_000;
/** Short, so that a password that was just changed works soon. */
const REFUSAL_MS = 5_000;
const EVERY_ACTION = ['*'];

/**
 * Basic credentials on the registry's routes. auth is asked once and the outcome remembered for BERTH_BASIC_SECONDS, with
 * the rights that were asked for: a request costs no password hash, and at most one small question per repository.
 * What is remembered is found by a keyed hash, whose key no other process has, and never holds the password.
 */
@Injectable()
export class BasicVerifier {
  private readonly key = randomBytes(32);
  private readonly verified = new LRUCache<string, { caller: Caller; until: number }>({ max: CREDENTIALS_REMEMBERED });
  private readonly refusedUntil = new LRUCache<string, number>({ max: CREDENTIALS_REMEMBERED });
  private readonly asking = new Map<string, Promise<Caller>>();
  /** By caller and repository: a caller that is forgotten takes its rights along. */
  private readonly rights = new LRUCache<string, Promise<Set<string>>>({ max: RIGHTS_REMEMBERED });
  private callers = 0;

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
  ) {}

  /**
   * UNAUTHORIZED where they are wrong. Requests that come at once share one question. `beforeAsking` may refuse: it is
   * called where auth would have to be asked.
   */
  async verify(credentials: BasicCredentials, beforeAsking: () => void = () => undefined): Promise<Caller> {
    const id = this.idOf(credentials);
    const known = this.verified.get(id);
    if (known && known.until > Date.now()) return known.caller;
    if ((this.refusedUntil.get(id) ?? 0) > Date.now()) throw wrong();
    const asking = this.asking.get(id);
    if (asking) return asking;
    beforeAsking();
    return this.ask(id, credentials);
  }

  /** No name holds a NUL. */
  private idOf({ username, password }: BasicCredentials): string {
    return createHmac('sha256', this.key).update(`${username}\0${password}`).digest('base64url');
  }

  private ask(id: string, credentials: BasicCredentials): Promise<Caller> {
    const asked = this.callerOf(id, credentials).finally(() => this.asking.delete(id));
    this.asking.set(id, asked);
    return asked;
  }

  private async callerOf(id: string, credentials: BasicCredentials): Promise<Caller> {
    try {
      const { userId } = await this.bus.request(AUTHENTICATE, credentials);
      const caller = this.caller(id, userId);
      this.verified.set(id, { caller, until: Date.now() + this.settings.basicSeconds * 1000 });
      return caller;
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      this.refusedUntil.set(id, Date.now() + REFUSAL_MS);
      throw wrong(error);
    }
  }

  private caller(id: string, userId: string): Caller {
    const number = this.callers++;
    const may: Caller['may'] = async (action, repository) => {
      try {
        return (await this.rightsOf(number, userId, repository)).has(action);
      } catch (error) {
        if (isUnauthorized(error)) this.verified.delete(id);
        throw error;
      }
    };
    const wasRefused: Caller['wasRefused'] = async (action, repository) => !(await may(action, repository));
    return { userId, everything: false, mayList: true, may, wasRefused };
  }

  private rightsOf(caller: number, userId: string, repository: RepositoryName): Promise<Set<string>> {
    const id = `${caller} ${repository}`;
    const known = this.rights.get(id);
    if (known) return known;
    const asked = this.askRights(userId, repository);
    this.rights.set(id, asked);
    asked.catch(() => this.rights.delete(id));
    return asked;
  }

  private async askRights(userId: string, repository: RepositoryName): Promise<Set<string>> {
    const scopes = [{ type: 'repository', name: repository, actions: EVERY_ACTION }];
    const { access } = await this.bus.request(AUTHORIZE, { userId, scopes });
    return new Set(access.flatMap(({ actions }) => actions));
  }
}

const isUnauthorized = (error: unknown): boolean => error instanceof RegistryError && error.code === 'UNAUTHORIZED';

const wrong = (cause?: unknown) =>
  registryError('UNAUTHORIZED', undefined, { cause, message: 'wrong user name or password' });
