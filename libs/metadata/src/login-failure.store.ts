import { createHash } from 'node:crypto';
import type { Database } from './database.js';

/** A try to log in: the name as it was given, and where from. */
export interface LoginTry {
  name: string;
  address: string;
}

/** Wrong passwords of late. */
export interface LoginFailures {
  count: number;
  /** Since the last one. */
  ageMs: number;
}

/** What was tried before, as far as it is not forgotten. Null: nothing. */
export interface LoginHistory {
  /** With this name from this address. `count` 0: it was only told to wait. */
  pair: LoginFailures | null;
  /** From this address, whatever name. */
  address: LoginFailures | null;
  /** With this name, wherever from. */
  name: LoginFailures | null;
  /** The name has logged in from this address of late. */
  isKnown: boolean;
  /** And that need not be remembered again today. */
  isKnownToday: boolean;
}

/** Without another failure for so long, those before are forgotten. */
const QUIET = `interval '1 hour'`;
/** When a row may go: not before `QUIET` is over, and on the hour, so that most updates change no index. */
const FORGET_AT = `date_trunc('hour', now()) + interval '2 hours'`;
const KNOWN_UNTIL = `date_trunc('day', now()) + interval '30 days'`;
const KNOWN_ADDRESSES = 100;
const REMOVED_AT_ONCE = 100;

const FIND = {
  name: 'login-history',
  text: `SELECT subject, failures, extract(epoch FROM clock_timestamp() - last_at)::float8 * 1000 AS age_ms, NULL::boolean AS today
         FROM auth.login_failure WHERE subject = ANY($1) AND last_at > now() - ${QUIET}
         UNION ALL
         SELECT subject, NULL::int, NULL::float8, forget_at >= ${KNOWN_UNTIL}
         FROM auth.known_login WHERE subject = $2 AND forget_at > now()`,
};
const COUNT = {
  name: 'login-failure-count',
  text: `INSERT INTO auth.login_failure AS f (subject, failures, last_at, forget_at)
         SELECT subject, 1, clock_timestamp(), ${FORGET_AT} FROM unnest($1::bytea[]) AS subject
         ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at, forget_at = excluded.forget_at,
           failures = CASE WHEN f.last_at > now() - ${QUIET} THEN least(f.failures + 1, 1000000) ELSE 1 END`,
};
const TELL_TO_WAIT = {
  name: 'login-failure-tell-to-wait',
  text: `INSERT INTO auth.login_failure AS f (subject, failures, last_at, forget_at)
         VALUES ($1, 0, clock_timestamp(), ${FORGET_AT})
         ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at, forget_at = excluded.forget_at, failures = 0
         WHERE f.last_at <= now() - ${QUIET}`,
};
const FORGET_PAIR = { name: 'login-failure-forget', text: `DELETE FROM auth.login_failure WHERE subject = $1` };
const REMOVE_FORGOTTEN = {
  name: 'login-failure-remove-forgotten',
  text: `DELETE FROM auth.login_failure WHERE subject IN (SELECT subject FROM auth.login_failure
           WHERE forget_at <= now() ORDER BY forget_at LIMIT ${REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
};
const KNOW = {
  name: 'login-known',
  text: `INSERT INTO auth.known_login (subject, name, forget_at) VALUES ($1, $2, ${KNOWN_UNTIL})
         ON CONFLICT (subject) DO UPDATE SET forget_at = excluded.forget_at`,
};
const REMOVE_KNOWN = {
  name: 'login-known-remove',
  text: `DELETE FROM auth.known_login WHERE subject IN (SELECT subject FROM auth.known_login
           WHERE forget_at <= now() ORDER BY forget_at LIMIT ${REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
};
const REMOVE_BEYOND = {
  name: 'login-known-remove-beyond',
  text: `DELETE FROM auth.known_login WHERE subject IN (SELECT subject FROM auth.known_login
           WHERE name = $1 ORDER BY forget_at DESC OFFSET ${KNOWN_ADDRESSES} LIMIT ${REMOVED_AT_ONCE}
           FOR UPDATE SKIP LOCKED)`,
};

/**
 * What was tried at logins, shared by all replicas of auth. Failures are forgotten after a quiet hour; the addresses of a
 * name after 30 days, and beyond the latest 100. Names that do not exist are like any other. Written by auth.
 */
export class LoginFailureStore {
  constructor(private readonly database: Database) {}

  async find(login: LoginTry): Promise<LoginHistory> {
    const { pair, address, name } = subjectsOf(login);
    const rows = await this.database.rows<Row>(FIND, [[pair, address, name], pair]);
    const failuresOf = (subject: Buffer): LoginFailures | null => {
      const row = rows.find((one) => one.failures !== null && one.subject.equals(subject));
      return row ? { count: row.failures!, ageMs: row.age_ms! } : null;
    };
    const known = rows.find((row) => row.failures === null);
    return {
      pair: failuresOf(pair),
      address: failuresOf(address),
      name: failuresOf(name),
      isKnown: known !== undefined,
      isKnownToday: known?.today === true,
    };
  }

  /** Counts one for the pair, the address and the name. Also removes some that are forgotten, so that they never pile up. */
  async recordFailure(login: LoginTry): Promise<void> {
    // Always in one order: two that count for the same name and address never wait for each other.
    const subjects = Object.values(subjectsOf(login)).sort((one, other) => one.compare(other));
    await this.database.rows(COUNT, [subjects]);
    await this.database.rows(REMOVE_FORGOTTEN, []);
  }

  /** Remembers since when the pair has been waiting, where nothing is known of it. */
  async tellToWait(login: LoginTry): Promise<void> {
    await this.database.rows(TELL_TO_WAIT, [subjectsOf(login).pair]);
    await this.database.rows(REMOVE_FORGOTTEN, []);
  }

  /** Forgets the failures of the pair; those of its address and of its name stay. */
  async forgetPair(login: LoginTry): Promise<void> {
    await this.database.rows(FORGET_PAIR, [subjectsOf(login).pair]);
  }

  /** Remembers that the name has logged in from this address. */
  async recordSuccess(login: LoginTry): Promise<void> {
    const { pair, name } = subjectsOf(login);
    await this.database.rows(KNOW, [pair, name]);
    await this.database.rows(REMOVE_BEYOND, [name]);
    await this.database.rows(REMOVE_KNOWN, []);
  }
}

interface Row {
  subject: Buffer;
  failures: number | null;
  age_ms: number | null;
  today: boolean | null;
}

function subjectsOf({ name, address }: LoginTry): { pair: Buffer; address: Buffer; name: Buffer } {
  const subject = (...parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest();
  return {
    pair: subject('pair', name, address),
    address: subject('address', address),
    name: subject('name', name),
  };
}
