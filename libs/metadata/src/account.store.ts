import type { Database } from './database.js';

export interface StoredUser {
  id: string;
  accountId: string;
  name: string;
  passwordHash: string;
  isAdministrator: boolean;
}

const CREATE_LOCK = 0x626572;

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
      await tx.account.create({ data: { name, users: { create: { ...user, isAdministrator: true } } } });
      return true;
    });
  }

  /** An enabled user of the first account, by the name given at `docker login`. */
  async findForLogin(name: string): Promise<StoredUser | null> {
    const account = await this.database.prisma.account.findFirst({
      orderBy: { createdAt: 'asc' },
      select: { id: true },
    });
    if (!account) return null;
    return this.database.prisma.user.findFirst({ where: { accountId: account.id, name, disabledAt: null } });
  }

  /** An enabled user, whichever account it is of. */
  async findEnabled(id: string): Promise<StoredUser | null> {
    return this.database.prisma.user.findFirst({ where: { id, disabledAt: null } });
  }
}
