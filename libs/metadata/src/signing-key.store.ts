import type { Database } from './database.js';

export interface StoredSigningKey {
  id: string;
  algorithm: string;
  publicJwk: object;
  privateJwkEncrypted: Uint8Array;
}

const CREATE_LOCK = 0x6b6579;

/** Key pairs that sign bearer tokens. Written by auth. */
export class SigningKeyStore {
  constructor(private readonly database: Database) {}

  /** The keys whose tokens are still accepted, the newest first: it signs. */
  async active(): Promise<StoredSigningKey[]> {
    const keys = await this.database.prisma.signingKey.findMany({
      where: { retiredAt: null },
      orderBy: { createdAt: 'desc' },
    });
    return keys.map((key) => ({ ...key, publicJwk: key.publicJwk as object }));
  }

  /** Stores `key` unless there is an active one, which another replica may have made at the same moment. */
  async createFirst(key: StoredSigningKey): Promise<void> {
    await this.database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${CREATE_LOCK})`;
      if (await tx.signingKey.findFirst({ where: { retiredAt: null }, select: { id: true } })) return;
      await tx.signingKey.create({ data: { ...key, privateJwkEncrypted: new Uint8Array(key.privateJwkEncrypted) } });
    });
  }
}
