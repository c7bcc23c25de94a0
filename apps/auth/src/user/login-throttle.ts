import { type LoginHistory, LoginFailureStore, type LoginTry } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { type LoginRules, loginRules, type LoginWait, loginWait } from './login-wait.js';

/** The tries for one name from one address that are under way in this process. */
interface PairTries {
  /** By secret: who asks the same at the same time shares the answer, and the failure. */
  asked: Map<string, Promise<unknown>>;
  verifying: number;
  ended: number;
}

/**
 * Slows whoever guesses passwords, before a hash is computed. Failures are counted in the database, for all replicas; what
 * is under way, in this process: at once each replica looks at as many different passwords of a name from an address as
 * are free, and no more. For addresses and names what is under way is bounded by the hash queue. A name that does not
 * exist is like any other.
 */
@Injectable()
export class LoginThrottle {
  private readonly logger = new Logger(LoginThrottle.name);
  private readonly pairs = new Map<string, PairTries>();
  private readonly refusals: Counter<'reason'>;
  /** Null: off. */
  private readonly rules: LoginRules | null;

  constructor(
    private readonly store: LoginFailureStore,
    metrics: Metrics,
    { loginFreeTries }: Settings,
  ) {
    this.refusals = metrics.counter(
      'berth_logins_refused_total',
      'Logins refused unseen after wrong ones, of the `pair` of name and address, the `address`, the `name`',
      ['reason'],
    );
    this.rules = loginFreeTries > 0 ? loginRules(loginFreeTries) : null;
  }

  /**
   * What `verify` finds; null is a failure, and a throw counts for nothing. TOOMANYREQUESTS with Retry-After, without
   * verifying, where too many failed before.
   */
  attempt<Found>(login: LoginTry, secret: string, verify: () => Promise<Found | null>): Promise<Found | null> {
    if (!this.rules) return verify();
    const pair = JSON.stringify([login.name, login.address]);
    const tries = this.pairs.get(pair) ?? { asked: new Map(), verifying: 0, ended: 0 };
    this.pairs.set(pair, tries);
    const same = tries.asked.get(secret) as Promise<Found | null> | undefined;
    if (same) return same;
    const asked = this.verified(this.rules, login, tries, verify).finally(() => {
      tries.asked.delete(secret);
      if (tries.asked.size === 0) this.pairs.delete(pair);
    });
    tries.asked.set(secret, asked);
    return asked;
  }

  private async verified<Found>(
    rules: LoginRules,
    login: LoginTry,
    tries: PairTries,
    verify: () => Promise<Found | null>,
  ): Promise<Found | null> {
    const history = await this.admitted(rules, login, tries);
    try {
      const found = await verify();
      await (found === null ? this.store.recordFailure(login) : this.succeeded(login, history));
      return found;
    } finally {
      tries.verifying--;
      tries.ended++;
    }
  }

  /** Counts among those that are being verified when it returns. */
  private async admitted(rules: LoginRules, login: LoginTry, tries: PairTries): Promise<LoginHistory> {
    for (;;) {
      const { ended } = tries;
      const history = await this.store.find(login);
      // What ended meanwhile may be missing in both.
      if (tries.ended !== ended) continue;
      const wait = loginWait(rules, history, tries.verifying);
      if (wait) throw await this.refused(login, wait);
      tries.verifying++;
      return history;
    }
  }

  private async refused(login: LoginTry, { reason, ms, begins }: LoginWait): Promise<Error> {
    if (begins) await this.store.tellToWait(login);
    const retryAfterSeconds = Math.ceil(ms / 1_000);
    this.refusals.inc({ reason });
    this.logger.warn({ msg: 'login refused', user: login.name, address: login.address, reason, retryAfterSeconds });
    return registryError('TOOMANYREQUESTS', undefined, {
      message: 'too many failed logins',
      headers: { 'retry-after': String(retryAfterSeconds) },
    });
  }

  private async succeeded(login: LoginTry, { pair, isKnownToday }: LoginHistory): Promise<void> {
    if (pair) await this.store.forgetPair(login);
    if (!isKnownToday) await this.store.recordSuccess(login);
  }
}
