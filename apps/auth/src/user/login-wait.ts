import type { LoginFailures, LoginHistory } from '@berth/metadata';

/** How long a try has to wait after failures. */
export interface WaitRule {
  /** So many failures cost no wait. */
  free: number;
  longestSeconds: number;
}

export interface LoginRules {
  /** For one name from one address. */
  pair: WaitRule;
  address: WaitRule;
  name: WaitRule;
}

/** Why a try is refused. */
export interface LoginWait {
  reason: keyof LoginRules;
  ms: number;
  /** Its wait begins now. */
  begins?: true;
}

const MANY = 10;
/** What strangers can bring about must pass soon. */
const SHARED_LONGEST_SECONDS = 60;
const LONGEST_SECONDS = 900;
const IN_FLIGHT: LoginWait = { reason: 'pair', ms: 1_000 };

export function loginRules(freeTries: number): LoginRules {
  const shared = { free: MANY * freeTries, longestSeconds: SHARED_LONGEST_SECONDS };
  return { pair: { free: freeTries, longestSeconds: LONGEST_SECONDS }, address: shared, name: shared };
}

/** The wait after so many failures: 1 s behind the free ones, and twice as long after each more. */
export function waitMs({ free, longestSeconds }: WaitRule, failures: number): number {
  return failures < free ? 0 : Math.min(2 ** (failures - free), longestSeconds) * 1_000;
}

/**
 * Whether a try has to wait; null: not. `verifying` others for the same name and address are being looked at.
 *
 * Where the name has logged in before, only what failed from there counts: strangers elsewhere, and other names, slow
 * nobody. From other addresses a name that many guess at has a wait for each address of its own: however often the others
 * come back, nobody's turn is taken away.
 */
export function loginWait(rules: LoginRules, history: LoginHistory, verifying: number): LoginWait | null {
  const { pair, address, name, isKnown } = history;
  const own = left(rules.pair, pair);
  if (own > 0) return { reason: 'pair', ms: own };
  if (verifying >= Math.max(1, rules.pair.free - (pair?.count ?? 0))) return IN_FLIGHT;
  if (isKnown) return null;
  const shared = left(rules.address, address);
  if (shared > 0) return { reason: 'address', ms: shared };
  const guessed = waitMs(rules.name, name?.count ?? 0);
  if (guessed > 0 && !pair) return { reason: 'name', ms: guessed, begins: true };
  return guessed > (pair?.ageMs ?? 0) ? { reason: 'name', ms: guessed - pair!.ageMs } : null;
}

const left = (rule: WaitRule, failures: LoginFailures | null): number =>
  failures ? waitMs(rule, failures.count) - failures.ageMs : 0;
