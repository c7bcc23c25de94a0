import {
  AUTHORIZE,
  type AuthorizeV1,
  CANCEL_UPLOAD,
  type CancelUploadV1,
  COMPLETE_UPLOAD,
  type CompleteUploadV1,
  CREATE_UPLOAD,
  ENSURE_ORGANISATION,
  type EnsureOrganisationV1,
} from '@berth/contracts';
import { deployMigrations, OrganisationStore, RepositoryStore, UploadSessionStore } from '@berth/metadata';
import { type Digest, organisationOf, parseRepositoryName, registryError, type RepositoryName } from '@berth/oci';
import { RegistryModule } from '../registry.module.js';
import { answering, type InProcessService, startInProcess } from '@berth/platform/testing';

/** registry-v2 on a database, between a storage and a manage that keep their rows, and no bytes. */
export interface RegistryUnderTest extends InProcessService {
  userId: string;
  /** Whose rights were asked, and whether they are there. */
  auth: { asked: AuthorizeV1[]; allows: boolean };
  /** What came, and what the test makes of it. */
  /** `isLate`: somebody deletes the organisation before the answer arrives. */
  manage: { asked: EnsureOrganisationV1[]; refuse: Error | null; isLate: boolean };
  storage: { completed: CompleteUploadV1[]; cancelled: CancelUploadV1[]; sizes: Map<string, number> };
  sessions: UploadSessionStore;
  /** A repository that exists. */
  repository(name: string): Promise<RepositoryName>;
  /** A session that storage completes to an object of this size. */
  session(repository: RepositoryName, size?: number, ownerId?: string): Promise<string>;
  count(table: string): Promise<number>;
}

export async function startRegistry(databaseUrl: string, env: Record<string, string> = {}): Promise<RegistryUnderTest> {
  await deployMigrations(databaseUrl);
  const service = await startInProcess(RegistryModule, databaseUrl, env);
  const { bus, database } = service;
  const sessions = new UploadSessionStore(database, { idleSeconds: 3600, maxSeconds: 7200 });
  const organisations = new OrganisationStore(database);
  const repositories = new RepositoryStore(database);
  const account = await database.prisma.account.create({
    data: { name: 'acme', users: { create: { name: 'ann', passwordHash: 'x', isAdministrator: true } } },
    include: { users: true },
  });
  const userId = account.users[0]!.id;
  const auth: RegistryUnderTest['auth'] = { asked: [], allows: true };
  auth.asked = answering(bus, AUTHORIZE, ({ scopes }) =>
    auth.allows ? { access: scopes, refused: [] } : { access: [], refused: scopes },
  );
  const manage: RegistryUnderTest['manage'] = { asked: [], refuse: null, isLate: false };
  const storage: RegistryUnderTest['storage'] = { completed: [], cancelled: [], sizes: new Map() };
  const ensure = async (name: string) => (await organisations.ensure(name, userId)) as { organisationId: string };
  manage.asked = answering(bus, ENSURE_ORGANISATION, async ({ name }) => {
    if (manage.refuse) throw manage.refuse;
    const made = await ensure(name);
    if (manage.isLate) await organisations.remove(name);
    return made;
  });
  answering(bus, CREATE_UPLOAD, async ({ repository, algorithm, ownerId }) => ({
    sessionId: await sessions.create(repository, algorithm, ownerId),
  }));
  storage.completed = answering(bus, COMPLETE_UPLOAD, async ({ digest: _, ...key }) => {
    const { sessionId } = key;
    const claim = crypto.randomUUID();
    if (!(await sessions.claim(key, claim, null))) throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId });
    return { claim, objectKey: `objects/00/${sessionId}-${claim}`, size: storage.sizes.get(sessionId) ?? 0 };
  });
  storage.cancelled = answering(bus, CANCEL_UPLOAD, async (key) => {
    await sessions.remove(key);
    return { sessionId: key.sessionId };
  });
  return {
    ...service,
    userId,
    auth,
    manage,
    storage,
    sessions,
    repository: async (name) => {
      const repository = parseRepositoryName(name);
      await ensure(organisationOf(repository));
      await repositories.create(repository, { isPublic: false });
      return repository;
    },
    session: async (repository, size = 10, ownerId) => {
      const sessionId = await sessions.create(repository, 'sha256', ownerId);
      storage.sizes.set(sessionId, size);
      return sessionId;
    },
    count: async (table) => {
      const text = `SELECT count(*)::int AS count FROM ${table}`;
      const [row] = await database.rows<{ count: number }>({ name: `test-count-${table}`, text }, []);
      return row!.count;
    },
  };
}

/** A digest as good as any: nobody here has bytes. */
export const someDigest = (): Digest =>
  `sha256:${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')}` as Digest;

export const failureOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => null,
    (error: unknown) => error,
  );
