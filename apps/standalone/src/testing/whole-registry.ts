import { deployMigrations } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import { RegistryClient, startPostgres, tempFolder } from '@berth/testing';
import { type Standalone, startStandalone } from '../standalone.js';

export const ADMIN = { user: 'admin', password: 'correct horse battery' };
/** May pull and push in the organisation `team`, and nothing else. */
export const BOB = { user: 'bob', password: ADMIN.password };

/** Bytes. */
export const LARGEST_BLOB = 1_000_000;

/** The six services in this process, with real rows, real files and real HTTP in front. */
export interface WholeRegistry {
  readonly registry: Standalone;
  readonly admin: RegistryClient;
  readonly bob: RegistryClient;
  readonly anonymous: RegistryClient;
  /** Where the blobs are. */
  readonly folder: string;
  /** How many rows a table has. */
  count(table: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startWholeRegistry(env: Record<string, string> = {}): Promise<WholeRegistry> {
  const temp = tempFolder();
  const postgres = await startPostgres();
  const url = await postgres.createDatabase();
  await deployMigrations(url);
  const settings = loadSettings({
    BERTH_PORT: '0',
    BERTH_LOG_LEVEL: 'silent',
    BERTH_DATA_DIR: temp.path,
    BERTH_BLOB_STORE: 'filesystem',
    BERTH_DATABASE_URL: url,
    BERTH_SECRET_KEY: 's'.repeat(32),
    BERTH_ADMIN_PASSWORD: ADMIN.password,
    // Everybody here has one address, and some guess: what bounds them is the queue of hashes.
    BERTH_LOGIN_FREE_TRIES: '0',
    BERTH_MAX_MANIFEST_BYTES: '100000',
    BERTH_MAX_BLOB_BYTES: String(LARGEST_BLOB),
    ...env,
  });
  const registry = await startStandalone(settings);
  await makeBob(registry);
  return {
    registry,
    admin: new RegistryClient(registry.address, ADMIN),
    bob: new RegistryClient(registry.address, BOB),
    anonymous: new RegistryClient(registry.address),
    folder: temp.path,
    count: async (table) => {
      const text = `SELECT count(*)::int AS count FROM ${table}`;
      const rows = await registry.host.database!.rows<{ count: number }>({ name: `count-${table}`, text }, []);
      return rows[0]!.count;
    },
    stop: async () => {
      await registry.stop();
      await postgres.stop();
      temp.remove();
    },
  };
}

async function makeBob(registry: Standalone): Promise<void> {
  const { prisma } = registry.host.database!;
  const { id, accountId, passwordHash } = (await prisma.user.findFirst({ where: { name: ADMIN.user } }))!;
  const made = await prisma.user.create({ data: { accountId, name: BOB.user, passwordHash } });
  const team = await prisma.organisation.create({ data: { name: 'team', accountId, creatorId: id } });
  await prisma.organisationPermission.create({ data: { organisationId: team.id, userId: made.id, auth: 3 } });
}
