import type { Database } from './database.js';

export type EnsureOutcome = { organisationId: string } | 'quota-reached' | 'creator-unknown' | 'taken';

const FIND = { name: 'organisation-find', text: `SELECT id FROM manage.organisation WHERE name = $1` };

/** Organisations. Written by manage. */
export class OrganisationStore {
  constructor(private readonly database: Database) {}

  /**
   * The organisation's id, made for `creatorId`'s account where the name is free and the account's quota allows. The
   * account's row is locked meanwhile, so that two pushes cannot pass the quota together. Without a creator (open mode)
   * the first administrator stands for everybody.
   */
  async ensure(name: string, creatorId: string | null): Promise<EnsureOutcome> {
    return this.database.prisma.$transaction(async (tx) => {
      const found = await tx.organisation.findUnique({ where: { name }, select: { id: true } });
      if (found) return { organisationId: found.id.toString() };
      const creator = await tx.user.findFirst({
        where: creatorId === null ? { isAdministrator: true } : { id: creatorId },
        orderBy: { createdAt: 'asc' },
        select: { id: true, accountId: true },
      });
      if (!creator) return 'creator-unknown';
      const [account] = await tx.$queryRaw<{ organisation_quota: number | null }[]>`
        SELECT organisation_quota FROM auth.account WHERE id = ${creator.accountId}::uuid FOR UPDATE`;
      const [made] = await tx.$queryRaw<{ id: bigint }[]>`
        INSERT INTO manage.organisation (name, account_id, creator_id)
        SELECT ${name}, ${creator.accountId}::uuid, ${creator.id}::uuid
        WHERE (SELECT count(*) FROM manage.organisation WHERE account_id = ${creator.accountId}::uuid)
          < coalesce(${account?.organisation_quota ?? null}::int, 2147483647)
        ON CONFLICT (name) DO NOTHING RETURNING id`;
      if (made) return { organisationId: made.id.toString() };
      // Another push was faster, or the quota is reached.
      const other = await tx.organisation.findUnique({ where: { name }, select: { id: true, accountId: true } });
      if (!other) return 'quota-reached';
      return other.accountId === creator.accountId ? { organisationId: other.id.toString() } : 'taken';
    });
  }

  /** The id, or null where no organisation has this name. */
  async find(name: string): Promise<string | null> {
    const [found] = await this.database.rows<{ id: string }>(FIND, [name]);
    return found?.id ?? null;
  }
}
