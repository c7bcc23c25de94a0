import type { Database } from './database.js';

export interface StoredUser {
  id: string;
  accountId: string;
  name: string;
  passwordHash: string;
  isAdministrator: boolean;
}

/** A user with the name of its account. */
export interface UserOfAccount {
  userId: string;
  userName: string;
  accountId: string;
  accountName: string;
  isAdministrator: boolean;
}

const CREATE_LOCK = 0x626572;
const USER_OF_ACCOUNT = `SELECT u.id AS "userId", u.name AS "userName", a.id AS "accountId", a.name AS "accountName",
    u.is_administrator AS "isAdministrator"
  FROM auth."user" u JOIN auth.account a ON a.id = u.account_id
  WHERE u.disabled_at IS NULL AND a.disabled_at IS NULL`;
const FIND_USER_OF_ACCOUNT = { name: 'account-find-user', text: `${USER_OF_ACCOUNT} AND u.id = $1` };
const FIRST_ADMINISTRATOR = {
  name: 'account-first-administrator',
  text: `${USER_OF_ACCOUNT} AND u.is_administrator
    AND a.is_operator ORDER BY u.created_at, u.id LIMIT 1`,
};
const FIRST_ACCOUNT = { name: 'account-first', text: `SELECT id, name FROM auth.account WHERE is_operator` };

/** Accounts and their users. Written by auth. */
export class AccountStore {
  constructor(private readonly database: Database) {}

  /** True once the first account exists. */
  async isInitialised(): Promise<boolean> {
    return (await this.database.prisma.account.findFirst({ select: { id: true } })) !== null;
  }

  /** Makes the first account with its administrator; false where another replica, or an earlier start, already did. */
  async createFirst(name: string, user: { name: string; passwordHash: string }): Promise<boolean> {
    return this.database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${CREATE_LOCK})`;
      if (await tx.account.findFirst({ select: { id: true } })) return false;
      await tx.account.create({
        data: { name, isOperator: true, users: { create: { ...user, isAdministrator: true } } },
      });
      return true;
    });
  }

  /** The account of the operators, which is marked when it is made; null before. */
  async findFirst(): Promise<{ id: string; name: string } | null> {
    const [first] = await this.database.rows<{ id: string; name: string }>(FIRST_ACCOUNT, []);
    return first ?? null;
  }

  /** An enabled user of an enabled account, both by name. */
  async findByNames(accountName: string, name: string): Promise<StoredUser | null> {
    return this.database.prisma.user.findFirst({
      where: { name, disabledAt: null, account: { name: accountName, disabledAt: null } },
    });
  }

  /** An enabled user, of an enabled account, with the name of that. */
  async findUserOfAccount(id: string): Promise<UserOfAccount | null> {
    const [found] = await this.database.rows<UserOfAccount>(FIND_USER_OF_ACCOUNT, [id]);
    return found ?? null;
  }

  /**
   * The enabled administrator of the first account who was made first: it stands for everybody in open mode, and for
   * whoever has the operator's key.
   */
  async findFirstAdministrator(): Promise<UserOfAccount | null> {
    const [found] = await this.database.rows<UserOfAccount>(FIRST_ADMINISTRATOR, []);
    return found ?? null;
  }

  /** An enabled user, whichever enabled account it is of. */
  async findEnabled(id: string): Promise<StoredUser | null> {
    return this.database.prisma.user.findFirst({ where: { id, disabledAt: null, account: { disabledAt: null } } });
  }
}
