import { randomUUID } from 'node:crypto';
import { type Digest, parseReference, parseRepositoryName, type Tag } from '@berth/oci';
import { AccessChangeStore } from './access-change.store.js';
import { AccessFactsStore } from './access-facts.store.js';
import { AccessKeyStore } from './access-key.store.js';
import { AccountAdministrationStore } from './account-administration.store.js';
import { AccountStore } from './account.store.js';
import { AuditStore } from './audit.store.js';
import { Database } from './database.js';
import { GarbageExplanationStore } from './garbage-explanation.store.js';
import { GarbageStore, QUEUES } from './garbage.store.js';
import { LoginFailureStore } from './login-failure.store.js';
import { ManifestStore } from './manifest.store.js';
import { OrganisationStore, type Viewer } from './organisation.store.js';
import { OutboxStore } from './outbox.store.js';
import { OverviewStore } from './overview.store.js';
import { OrganisationPermissionStore, RepositoryPermissionStore } from './permission.store.js';
import { PublicRepositoryListStore } from './public-repository-list.store.js';
import { QuotaStore } from './quota.store.js';
import { ReadableRepositoryStore } from './readable-repository.store.js';
import { ReferrerStore } from './referrer.store.js';
import { ProjectStore } from './project.store.js';
import { RepositoryListStore } from './repository-list.store.js';
import { ReconciliationStore } from './reconciliation.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import { RepositoryShareStore } from './repository-share.store.js';
import { RepositoryStore } from './repository.store.js';
import { SharedRepositoryListStore } from './shared-repository-list.store.js';
import { TagListStore } from './tag-list.store.js';
import { TagStore } from './tag.store.js';
import { UntaggedPolicyStore } from './untagged-policy.store.js';
import {
  blobEntry,
  EVENT,
  imageOf,
  indexOf,
  newManifest,
  onDatabase,
  RegistryFixture,
} from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

/** Enough rows that reading a whole table is never the cheapest plan for a few of them. */
const ROWS = 20_000;
const REPOSITORIES = 2_000;
/** Of one subject. */
const REFERRERS = 100_000;
const SUBJECT = `sha256:${'5'.repeat(64)}` as Digest;
/** PostgreSQL may change from plans for the values at hand to one for all values at the sixth execution. */
const EXECUTIONS = 7;
/** For what runs many of them. */
const PATIENCE_MS = 600_000;

/** PostgreSQL logs the plan of everything that a session runs, what triggers and foreign keys run included. */
const EXPLAINED =
  '?options=' +
  encodeURIComponent(
    Object.entries({
      session_preload_libraries: 'auto_explain',
      'auto_explain.log_min_duration': 0,
      'auto_explain.log_nested_statements': 'on',
    })
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  );

const SEED = [
  // Its rows end with their transaction: once it is vacuumed, to read all of it is the cheapest plan.
  `ALTER TABLE registry.statistics_change SET (autovacuum_enabled = false)`,
  `INSERT INTO auth.account (id, name, is_operator) SELECT gen_random_uuid(), 'account' || n, n = 1 FROM generate_series(1, ${REPOSITORIES}) n`,
  `INSERT INTO auth."user" (id, account_id, name, password_hash) SELECT gen_random_uuid(), id, 'user', '-' FROM auth.account`,
  `INSERT INTO auth.project (id, account_id, name) SELECT gen_random_uuid(), id, 'region' FROM auth.account`,
  `INSERT INTO auth.access_key (id, user_id, secret_encrypted, expires_at)
   SELECT 'AK' || row_number() OVER (), u.id, 'sealed', now() + random() * interval '1 day'
   FROM auth."user" u, generate_series(1, 10)`,
  `INSERT INTO auth.login_failure (subject, failures, forget_at)
   SELECT sha256(n::text::bytea), 1, now() + random() * interval '1 day' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO auth.known_login (subject, name, forget_at)
   SELECT sha256(n::text::bytea), sha256('user'), now() + random() * interval '1 day' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO manage.organisation (name, account_id, creator_id)
   SELECT 'org' || row_number() OVER (), account_id, id FROM auth."user"`,
  `INSERT INTO registry.repository (organisation_id, path) SELECT id, name || '/app' FROM manage.organisation`,
  // One account has more than one of each.
  `INSERT INTO manage.organisation (name, account_id, creator_id)
   SELECT o.name || 'more' || n, o.account_id, o.creator_id FROM manage.organisation o, generate_series(1, 3) n WHERE o.name = 'org9'`,
  `INSERT INTO registry.repository (organisation_id, path)
   SELECT id, name || '/app' || n FROM manage.organisation, generate_series(1, 2) n WHERE name LIKE 'org9more%'`,
  `INSERT INTO registry.repository (organisation_id, path)
   SELECT id, name || '/many' || n FROM manage.organisation, generate_series(1, ${ROWS}) n WHERE name = 'org99'`,
  `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
   SELECT id, creator_id, 7 FROM manage.organisation`,
  `INSERT INTO manage.repository_permission (repository_id, user_id, auth)
   SELECT r.id, o.creator_id, 7 FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id`,
  `INSERT INTO manage.repository_share (repository_id, account_id)
   SELECT r.id, o.account_id FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id`,
  `INSERT INTO registry.blob (digest, object_key, size)
   SELECT 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'key' || n, 1000 FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO registry.blob_quarantine (digest, object_key, reason, last_seen)
   SELECT digest, object_key, 'missing', now() - random() * interval '1 day' FROM registry.blob`,
  `INSERT INTO registry.orphan_object (object_key, size, is_hidden, modified_at, first_seen)
   SELECT 'orphan' || n, 1, false, now() - interval '1 day', now() - random() * interval '1 day' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO registry.repository_blob (repository_id, digest, size, review_after)
   SELECT (SELECT min(id) FROM registry.repository) + row_number() OVER (ORDER BY digest) % ${REPOSITORIES}, digest, size,
     CASE WHEN random() < 0.1 THEN now() + random() * interval '1 hour' END FROM registry.blob`,
  `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, subject_digest)
   SELECT repository_id, 'sha256:' || encode(sha256(digest::bytea), 'hex'), 'application/json', 10, 10, '{}',
     CASE WHEN random() < 0.1 THEN digest END FROM registry.repository_blob`,
  `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, subject_digest, artifact_type)
   SELECT (SELECT id FROM registry.repository WHERE path = 'org77/app'), 'sha256:' || encode(sha256(('referrer' || n)::bytea), 'hex'),
     'application/json', 10, 10, '{}', '${SUBJECT}', CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'usual' END
   FROM generate_series(1, ${REFERRERS}) n`,
  `INSERT INTO registry.manifest_blob (manifest_id, repository_id, digest)
   SELECT m.id, rb.repository_id, rb.digest FROM registry.repository_blob rb JOIN registry.manifest m
     ON m.repository_id = rb.repository_id AND m.digest = 'sha256:' || encode(sha256(rb.digest::bytea), 'hex')`,
  `INSERT INTO registry.manifest_child (parent_id, child_id) SELECT id, id - 1 FROM registry.manifest WHERE id % 2 = 0`,
  `INSERT INTO registry.tag (repository_id, name, manifest_id)
   SELECT repository_id, 'tag' || id, id FROM registry.manifest WHERE subject_digest IS DISTINCT FROM '${SUBJECT}'`,
  `INSERT INTO registry.untagged_review (repository_id) SELECT id FROM registry.repository`,
  `INSERT INTO registry.referrer_release (repository_id, subject_digest, after_digest)
   SELECT n, 'sha256:' || n, '' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO registry.repository_pulls (repository_id, pulls) SELECT id, 1 FROM registry.repository`,
  `INSERT INTO registry.outbox_event (id, subject, payload)
   SELECT gen_random_uuid(), 'test.happened.v1', '{}' FROM generate_series(1, ${ROWS})`,
  `INSERT INTO registry.object_deletion (object_key, digest, size, not_before)
   SELECT 'gone' || n, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 1000, now() + random() * interval '1 hour' - interval '1 second' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO storage.upload_session (id, repository, expires_at)
   SELECT gen_random_uuid(), 'org1/app', now() + random() * interval '1 day' - interval '10 seconds' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO auth.access_change (subject, transaction_id, changed_at)
   SELECT 'user:' || gen_random_uuid(), n, now() - random() * interval '1 day' FROM generate_series(1, ${ROWS}) n`,
  'ANALYZE',
];

/** Changes that no store makes yet: of a repository, of who shares it, and of a user. */
const VISIBILITY = 'UPDATE registry.repository SET is_public = NOT is_public WHERE path = $1';
const SHARE = `UPDATE manage.repository_share SET deadline = now()
  WHERE repository_id = (SELECT id FROM registry.repository WHERE path = $1)`;
const ENABLING = 'UPDATE auth."user" SET disabled_at = CASE WHEN disabled_at IS NULL THEN now() END WHERE id = $1';

/** One of them has a row for each of its two tasks, the other one row, whatever happens. */
const WHOLE_TABLE = /Seq Scan on (?!reconciliation |untagged_default)/;

describe('the statements of the stores', () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let database: Database;

  /** Runs `work` often enough, and gives the plans of all its queries. */
  const plansOf = async (work: () => Promise<unknown>) => {
    const mark = randomUUID();
    await database.rows({ name: `mark-${mark}`, text: `SELECT '${mark}'` }, []);
    for (let n = 0; n < EXECUTIONS; n++) await work();
    const log = on.databases.postgres.logTail(1_000_000);
    const plans = log
      .slice(log.indexOf(mark))
      .split(/LOG: {2}duration: .* plan:/)
      .slice(1);
    expect(plans.length).toBeGreaterThanOrEqual(EXECUTIONS);
    return plans.map((plan) => plan.replace(/\s+\[?\d{4}-\d\d-\d\d [\s\S]*/, '').trim());
  };
  const readingWholeTables = async (work: () => Promise<unknown>) =>
    (await plansOf(work)).filter((plan) => WHOLE_TABLE.test(plan));

  beforeAll(async () => {
    test = await on.databases.fresh();
    for (const sql of SEED) await test.rows(sql);
    database = new Database({ url: test.url + EXPLAINED, poolSize: 1, applicationName: 'explained' });
    registry = new RegistryFixture(test, database);
  }, PATIENCE_MS);
  afterAll(async () => {
    await database?.close();
    await test?.close();
  });

  it('finds the plan of a statement that no index serves', async () => {
    const unserved = { name: 'unserved', text: `SELECT * FROM registry.blob WHERE size = $1` };
    const [plan] = await readingWholeTables(() => database.rows(unserved, [5]));
    expect(plan).toContain('Seq Scan on blob');
  });

  it('looks for suspects in an index that has nothing else, however much is in quarantine', async () => {
    const store = new ReconciliationStore(database);
    const quarantine = (set: string) => test.rows(`UPDATE registry.blob_quarantine SET quarantined_at = ${set}`);
    await quarantine(`CASE WHEN random() < 0.9 THEN now() END`);
    await test.rows('ANALYZE registry.blob_quarantine');
    const plans = await plansOf(() => store.dueSuspects(60, 10));
    await quarantine('NULL');
    await test.rows('ANALYZE registry.blob_quarantine');
    expect(plans.join()).toContain('blob_quarantine_suspect_idx');
  });

  it.each([
    ['all', undefined],
    ['those of one type', 'rare'],
  ])('read a page of %s of a subject from the index in its order, however many there are', async (_which, type) => {
    const repository = parseRepositoryName('org77/app');
    const store = new ReferrerStore(database);
    const page = { repository, subject: SUBJECT, artifactType: type, limit: 10 };
    const after = (await store.list({ ...page, after: '' })).referrers.at(-1)!.digest;
    const plans = await plansOf(() => store.list({ ...page, after }));
    for (const plan of plans) {
      expect(plan).not.toMatch(WHOLE_TABLE);
      // The index, and not a sort of what it found, gives the order; and it is entered behind the page before.
      expect(plan).not.toMatch(/->\s+(Incremental )?Sort[\s\S]*on manifest/);
      expect(plan).toMatch(/Index Scan using manifest_repository_id_subject_digest_\w*digest_idx on manifest m/);
      expect(plan).toMatch(/Index Cond: .*subject_digest = .*digest > /);
      if (type) expect(plan).toMatch(/Index Cond: .*artifact_type = /);
    }
  });

  it('find what goes first of a repository by the index in its order, however many manifests there are', async () => {
    const repository = parseRepositoryName('org77/app');
    await test.rows(
      `DELETE FROM registry.tag WHERE repository_id = (SELECT id FROM registry.repository WHERE path = $1)`,
      [repository],
    );
    const enough = new Error('enough');
    const transaction = database.transaction.bind(database);
    jest.spyOn(database, 'transaction').mockImplementation((work) =>
      transaction((rows) =>
        work(async (statement, values) => {
          if (statement.name === 'removal-still-free') throw enough;
          return rows(statement, values);
        }),
      ),
    );
    const removal = new RepositoryRemovalStore(database, { pullWindowSeconds: 900 });
    const plans = await plansOf(() => expect(removal.remove(repository, () => EVENT)).rejects.toBe(enough));
    jest.restoreAllMocks();
    const choosing = plans.filter((plan) => plan.includes('FOR UPDATE OF m'));
    expect(choosing).toHaveLength(EXECUTIONS);
    for (const plan of plans) expect(plan).not.toMatch(WHOLE_TABLE);
    for (const plan of choosing) {
      expect(plan).not.toMatch(/Sort/);
      expect(plan).toMatch(/Index Scan using manifest_repository_id_digest_key on manifest m/);
    }
  });

  it('are served by indexes, and so are the triggers and foreign keys behind them', async () => {
    const repository = parseRepositoryName('org77/app');
    const other = parseRepositoryName('org78/app');
    const digest = await test.value<Digest>(
      `SELECT digest FROM registry.repository_blob rb JOIN registry.repository r ON r.id = rb.repository_id
       WHERE r.path = $1 ORDER BY 1 LIMIT 1`,
      [repository],
    );
    const readable = new ReadableRepositoryStore(database);
    const tags = new TagStore(database);
    const garbage = new GarbageStore(database, { graceSeconds: 0, pullWindowSeconds: 900 });
    const policies = new UntaggedPolicyStore(database, 3_600);
    const outbox = new OutboxStore(database);
    const repositories = new RepositoryStore(database);
    const organisations = new OrganisationStore(database);
    const someUser = await test.rows<{ id: string; account_id: string }>(
      'SELECT id, account_id FROM auth."user" LIMIT 1',
    );
    const { id: userId, account_id: accountId } = someUser[0]!;
    let n = 0;

    const calls: Record<string, () => Promise<unknown>> = {
      'an upload, from its start to its blob': async () => registry.blob(repository),
      'an upload that goes on': async () => {
        const { sessionId, claim } = await registry.completedUpload(repository);
        await registry.sessions.find({ sessionId, repository });
        await registry.sessions.keep(sessionId, claim);
        await registry.sessions.removeClaimed(sessionId, randomUUID());
        await registry.sessions.advance(sessionId, claim, { offset: 1, object: null, sha256: null, sha512: null });
        await registry.sessions.claimCompletion({ sessionId, repository }, digest);
        await registry.sessions.remove({ sessionId, repository });
      },
      'expired uploads': () => registry.sessions.takeExpired(10),
      'a blob': () => registry.blobs.find(repository, digest),
      'a blob for a push': async () => {
        await registry.blobs.findAndLease(repository, digest);
        await registry.blobs.findAndLease(repository, await registry.blob(repository));
      },
      'a mount': () => registry.blobs.mount(other, repository, digest),
      'the removal of a blob': async () => registry.blobs.unlink(repository, await registry.blob(repository)),
      'a push, a pull and the deletion of an image and its index': async () => {
        const blobs = await registry.blobsOf(repository, 3);
        const subject = await registry.push(repository, imageOf(blobs), [`subject${n++}`]);
        const image = await registry.push(repository, imageOf([blobs[0]!], { subject }), [`image${n}`]);
        const index = await registry.push(repository, indexOf([image, blobEntry(blobs[1]!)]), [`index${n}`]);
        await registry.push(repository, imageOf([blobs[2]!]), [`index${n}`]);
        const conditional = newManifest(repository, imageOf([blobs[2]!]), [`image${n}`]);
        const precondition = { tag: `image${n}` as Tag, holds: () => true };
        await registry.manifests.put({ ...conditional, precondition });
        await registry.manifests.find(repository, parseReference(`image${n}`), []);
        await registry.manifests.find(repository, parseReference(index.digest), []);
        for (const each of [index, subject, image]) await registry.remove(repository, each.digest);
      },
      'the list of tags': () => tags.list(repository, 'tag1', 100),
      'the deletion of a tag': async () => {
        await registry.push(repository, imageOf([digest]), ['gone']);
        await tags.delete(repository, 'gone' as Tag, EVENT);
        await registry.push(repository, imageOf([digest]), ['gone']);
        await tags.delete(repository, 'gone' as Tag, EVENT, () => true);
      },
      'the outbox': async () => {
        await outbox.oldestAgeSeconds();
        await outbox.count(100);
        await outbox.remove((await outbox.pending(100)).map(({ id }) => id));
      },
      'a repository': async () => {
        await repositories.exists(repository);
        await repositories.create(repository, { isPublic: true });
        await repositories.findOwner(repository);
        const limited = new RepositoryStore(database, 5);
        await limited.create(parseRepositoryName(`org77/limited${n++}`), { isPublic: false, creatorId: userId });
      },
      'a push under a quota of tags': async () => {
        const limited = new ManifestStore(database, 50);
        await limited.put(newManifest(repository, imageOf([digest]), [`limited${n++}`]));
        await limited.put(newManifest(other, imageOf([await registry.blob(other)]), [`limited${n++}`]));
      },
      'a repository, from its making to its deletion': async () => {
        const path = parseRepositoryName(`org77/fresh${n++}`);
        await repositories.create(path, { isPublic: false, creatorId: userId });
        await repositories.update(path, { description: 'described' });
        await repositories.countPulls([path, other].map((each) => ({ repository: each, pulls: 1 })));
        const blobs = await registry.blobsOf(path, 3);
        const image = await registry.push(path, imageOf(blobs));
        await registry.push(path, indexOf([image]));
        await new RepositoryRemovalStore(database, { pullWindowSeconds: 900 }).remove(path, () => EVENT);
      },
      'another tag for an image': async () => {
        const { name: source } = (
          await test.rows<{ name: Tag }>(
            `SELECT t.name FROM registry.tag t JOIN registry.repository r ON r.id = t.repository_id WHERE r.path = $1
             ORDER BY 1 LIMIT 1`,
            [repository],
          )
        )[0]!;
        expect(
          await tags.retag({ repository, source, destination: 'again' as Tag, override: true, event: () => EVENT }),
        ).toHaveProperty('digest');
      },
      'an organisation': async () => {
        await organisations.find('org5');
        await organisations.ensure(`fresh${n++}`, userId);
        await organisations.ensure(`fresh${n++}`, null);
        await organisations.show('org5');
        await organisations.list({ userId, accountId, isAdministrator: true }, { withRepositories: true, limit: 100 });
        await organisations.create(`empty${n}`, userId);
        await organisations.remove(`empty${n}`);
      },
      'the permissions of an organisation': async () => {
        const permissions = new OrganisationPermissionStore(database);
        const made = await organisations.create(`granted${n++}`, userId);
        const { organisationId } = made as { organisationId: string };
        const granted = [{ userId, userName: 'user', auth: 3 as const }];
        await permissions.add(organisationId, granted);
        await permissions.update(organisationId, granted);
        await permissions.list(organisationId, 100);
        await permissions.remove(organisationId, [userId]);
      },
      'the changes of access': async () => {
        const changes = new AccessChangeStore(database);
        await changes.list(String(ROWS - 10), 100);
        await changes.removeOlderThan(86_390, 10);
      },
      'what is noted of them': async () => {
        await database.rows({ name: 'visibility', text: VISIBILITY }, [repository]);
        await database.rows({ name: 'share', text: SHARE }, [repository]);
        await database.rows({ name: 'enabling', text: ENABLING }, [userId]);
      },
      'the permissions in a repository': async () => {
        const permissions = new RepositoryPermissionStore(database);
        const { id } = (await repositories.findOwner(parseRepositoryName('org5/app')))!;
        await permissions.remove(id, [userId]);
        await permissions.add(id, [{ userId, userName: 'user', auth: 3 }]);
        await permissions.update(id, [{ userId, userName: 'user', auth: 7 }]);
        await permissions.list(id, 100);
      },
      'the shares of a repository': async () => {
        const shares = new RepositoryShareStore(database);
        const terms = { deadline: null, description: '' };
        await shares.add(repository, 'account7', terms, userId, 500);
        await shares.add(repository, 'account7', terms, userId, 500);
        await shares.update(repository, 'account7', terms);
        await shares.find(repository, 'account7');
        await shares.list(repository, 'account5', 500);
        await shares.remove(repository, 'account7');
      },
      'the quota of an account': async () => {
        const [project] = await new ProjectStore(database).list(accountId, 'region', 1);
        await new QuotaStore(database).ofOrganisations(project!.id, accountId);
      },
      'what decides on access': async () => {
        await new AccessFactsStore(database).find(repository, accountId, userId);
        await new AccessFactsStore(database).findOrganisation('org5', accountId, userId);
      },
      'the repositories that somebody may read': async () => {
        for (const isAdministrator of [true, false]) {
          await readable.list({ id: userId, accountId, isAdministrator }, 'org5', 10);
        }
        await readable.list(null, 'org5', 10);
        await readable.listAll('org5', 10);
      },
      'a repository to mount from': async () => {
        await readable.findMountSource({ id: userId, accountId, isAdministrator: true }, digest);
        await readable.findMountSource(null, digest);
        await readable.findAnyMountSource(digest);
      },
      'a user by id': () => new AccountStore(database).findEnabled(userId),
      'a user by name': async () => {
        await new AccountStore(database).findByNames('account7', 'user');
        await new AccountStore(database).findUserOfAccount(userId);
      },
      'the first account and its administrator': async () => {
        await new AccountStore(database).findFirst();
        await new AccountStore(database).findFirstAdministrator();
      },
      'accounts, as they are administered': async () => {
        const accounts = new AccountAdministrationStore(database);
        const account = { name: `made${n++}`, description: '', organisationQuota: 5, disabled: false };
        const made = await accounts.createAccount(account, 'region');
        await accounts.showAccount(made!.id);
        await accounts.listAccounts({ after: 'account7', limit: 10 });
        await accounts.listAccounts({ name: 'account7', limit: 10 });
        await accounts.changeAccount(made!.id, { disabled: true, organisationQuota: null });
      },
      'users, as they are administered': async () => {
        const accounts = new AccountAdministrationStore(database);
        const user = { accountId, passwordHash: '-', description: '', isAdministrator: true, disabled: false };
        const made = (await accounts.createUser({ ...user, name: `made${n++}` })) as { id: string };
        await accounts.showUser(made.id);
        await accounts.listUsers(accountId, { after: 'a', limit: 10 });
        await accounts.listUsers(accountId, { name: 'user', limit: 10 });
        await accounts.changeUser(made.id, { disabled: true });
      },
      'a project': () => new ProjectStore(database).create(accountId, `made${n++}`, 100),
      'an access key, from its making to its removal': async () => {
        const keys = new AccessKeyStore(database);
        const id = `KEY${n++}`;
        const made = { userId, secretEncrypted: Buffer.from('x'), description: '', most: 10 };
        await keys.create({ id, ...made, lifeSeconds: null, madeWith: null });
        await keys.create({ id: `TEMPORARY${n}`, ...made, lifeSeconds: 900, madeWith: null });
        await keys.findUsable(id);
        await keys.findOwner(id);
        await keys.list(userId, 10);
        await keys.setDisabled(id, userId, true);
        await keys.remove(id, userId);
      },
      'a login that fails, and one that does not': async () => {
        const store = new LoginFailureStore(database);
        const login = { name: 'user', address: `203.0.113.${n++}` };
        await store.find(login);
        await store.tellToWait(login);
        await store.recordFailure(login);
        await store.forgetPair(login);
        await store.recordSuccess(login);
      },
      'the projects of an account': () => new ProjectStore(database).list(accountId, 'region', 10),
      'the review of links': async () => {
        const orphan = await registry.blob(repository);
        await registry.setReview(repository, orphan, -1);
        await registry.setReview(repository, digest, -1);
        for (const link of await garbage.dueLinks(10)) await garbage.reviewLink(link);
      },
      'the review of manifests': async () => {
        await policies.setDefault(0);
        for (const tags of [[], [`kept${n++}`]]) {
          const image = await registry.push(repository, imageOf([await registry.blob(repository)]), tags);
          await registry.setManifestReview(repository, image.digest, -1);
          await registry.manifests.findAndLease(repository, image.digest, []);
          await registry.setManifestReview(repository, image.digest, -1);
          for (const due of await garbage.dueManifests(10)) {
            await garbage.reviewManifest(due, () => EVENT);
            await garbage.postponeManifest(due, 10);
          }
        }
      },
      'why something is kept': async () => {
        const explanation = new GarbageExplanationStore(database, 0);
        for (const where of [repository, null]) {
          await explanation.links(digest, where, 20);
          const [manifest] = await test.rows<{ digest: Digest }>(
            'SELECT digest FROM registry.manifest ORDER BY id LIMIT 1',
          );
          await explanation.manifests(await explanation.manifestIds(manifest!.digest, where));
        }
        await explanation.manifests(['1', '2']);
        await explanation.blob(digest);
        await explanation.queuedObjects(digest, 5);
      },
      'a policy for untagged manifests': async () => {
        const policy = 1_000 + n++;
        for (const owner of [{ repository }, { organisation: 'org78' }]) {
          await policies.set(owner, policy);
          await policies.show(owner);
          for (let step = 0; step < 3; step++) await policies.reviewStep();
        }
        await policies.set({ repository }, null);
        await policies.set({ organisation: 'org78' }, null);
        await policies.setDefault(policy);
        // Of each kind one that is next.
        for (const [id, organisation, path, digest] of [
          [-1, 5, '', ''],
          [-2, null, '', ''],
          [-3, null, repository, 'sha256:5'],
        ] as const) {
          await test.rows(
            `INSERT INTO registry.untagged_review (id, organisation_id, after_path, after_digest) VALUES ($1, $2, $3, $4)`,
            [id, organisation, path, digest],
          );
          await policies.reviewStep();
          await test.rows('DELETE FROM registry.untagged_review WHERE id = $1', [id]);
        }
      },
      'the referrers of a subject that is gone': async () => {
        await test.rows(
          `INSERT INTO registry.referrer_release (id, repository_id, subject_digest, after_digest)
           SELECT -1, repository_id, subject_digest, '' FROM registry.manifest WHERE subject_digest = $1 LIMIT 1`,
          [SUBJECT],
        );
        await garbage.releaseStep();
        await test.rows(`UPDATE registry.referrer_release SET after_digest = 'sha256:g' WHERE id = -1`);
        await garbage.releaseStep();
      },
      'the deletion of objects': async () => {
        const objects = await garbage.takeObjectDeletions(10);
        await garbage.dropDeletionsOfBlobs(objects);
        await garbage.failObjectDeletion(objects[0] ?? '', 'trouble');
        await garbage.finishObjectDeletions(objects);
      },
      'the comparison of rows and objects': async () => {
        const [store, holder] = [new ReconciliationStore(database), randomUUID()];
        const objects = Array.from({ length: 100 }, (_, i) => ({ key: `key${i}`, size: 1, modifiedAt: new Date(0) }));
        const { range, holes } = await store.compare({ after: 'key1', last: 'key2', objects });
        for (const task of ['objects', 'scrub'] as const) await store.acquire(task, holder, 60);
        const found = holes.slice(0, 100).map((hole) => ({ ...hole, reason: 'missing' as const }));
        await store.suspect(holder, found, {});
        for (const hole of holes.slice(0, 10)) {
          await store.seenAgain(holder, { ...hole, reason: 'missing' }, { needed: 3, seconds: 0 });
          await store.acquit(holder, { ...hole, unreadableFrom: null, sightings: 1 });
          await store.clear(holder, hole, {});
          await store.rotten(holder, hole, {});
        }
        await store.dueSuspects(0, 10);
        await store.forgetStrays(10);
        await store.nextBlob(digest);
        await store.witnesses(digest, 3);
        await store.incompleteManifests('', 500);
        await store.recordRange(holder, range, [], {});
        await store.recordUploads(holder, range, {});
        await store.release(holder);
      },
      'the audit record': async () => {
        const audit = new AuditStore(database);
        for (const query of [
          {},
          { organisation: 'org77' },
          { organisation: 'org77', everOfThatName: true },
          { userId },
        ]) {
          await audit.list({ ...query, limit: 10 });
          const behind = { at: '1900000000000000', id: '7' };
          await audit.list({ ...query, since: new Date(0), behind, action: 'tag.move', resource: 'x', limit: 10 });
        }
        await audit.removeOlderThan(365, 100);
      },
      'when something is due, and how much': async () => {
        await garbage.secondsUntilReview();
        await garbage.secondsUntilDeletion();
        for (const queue of QUEUES) await garbage.backlog(queue);
      },
    };
    for (const [what, call] of Object.entries(calls)) {
      expect({ what, plans: await readingWholeTables(call) }).toEqual({ what, plans: [] });
    }
  }, 60_000);

  describe('of lists', () => {
    const viewerOf = async (organisation: string): Promise<Viewer> => {
      const [user] = await test.rows<{ userId: string; accountId: string }>(
        'SELECT creator_id AS "userId", account_id AS "accountId" FROM manage.organisation WHERE name = $1',
        [organisation],
      );
      return { ...user!, isAdministrator: false };
    };
    const FILTERS = [
      {},
      { organisation: 'rg9' },
      { name: 'app' },
      { name: 'app', organisation: 'org9', category: 'other' },
      { category: 'linux' },
      { isPublic: false },
    ];
    const page = { descending: true, offset: 0, limit: 10, tags: 100 };
    const ORDERS = ['updatedAt', 'name', 'path', 'tagCount', 'isPublic'] as const;

    it.each([
      ['one organisation', 'org8', false],
      ['several organisations', 'org9', false],
      ['a whole account', 'org9', true],
    ])(
      'of %s are served by indexes, in each order and with each filter',
      async (_scope, organisation, isAdministrator) => {
        const store = new RepositoryListStore(database);
        const viewer = { ...(await viewerOf(organisation)), isAdministrator };
        expect((await store.list({ viewer, order: 'name', ...page })).total).toBe(organisation === 'org9' ? 7 : 1);
        for (const order of ORDERS)
          for (const filter of FILTERS)
            expect(await readingWholeTables(() => store.list({ viewer, order, ...filter, ...page }))).toEqual([]);
      },
      PATIENCE_MS,
    );

    it.each(['byAccount', 'withAccount'] as const)(
      'of what is shared %s are served by indexes',
      async (shared) => {
        const store = new SharedRepositoryListStore(database);
        const viewer = await viewerOf('org9');
        const filters = [
          {},
          { name: 'app', organisation: 'org9', category: 'other' },
          { accountName: 'account9' },
          { isValid: true },
        ];
        const found = await store.list({ viewer, shared, order: 'accountName', ...page });
        expect(found.total).toBe(7);
        for (const isAdministrator of shared === 'byAccount' ? [true, false] : [false])
          for (const order of [...ORDERS, 'accountName'] as const)
            for (const filter of filters) {
              const query = { viewer: { ...viewer, isAdministrator }, shared, order, ...filter, ...page };
              expect(await readingWholeTables(() => store.list(query))).toEqual([]);
            }
      },
      PATIENCE_MS,
    );

    it(
      'of tags, of what is public, and of sums are served by indexes',
      async () => {
        const repository = parseRepositoryName('org78/app');
        const [{ name }] = (await test.rows<{ name: Tag }>(
          `SELECT t.name FROM registry.tag t JOIN registry.repository r ON r.id = t.repository_id WHERE r.path = $1 LIMIT 1`,
          [repository],
        )) as [{ name: Tag }];
        const tags = new TagListStore(database);
        for (const order of ['updatedAt', 'name'] as const)
          for (const descending of [true, false])
            for (const filter of [{}, { name: 'tag1' }])
              for (const offset of [0, 6]) {
                const query = { repository, order, descending, offset, limit: 5, ...filter };
                expect(await readingWholeTables(() => tags.list(query))).toEqual([]);
              }
        const publicRepositories = new PublicRepositoryListStore(database);
        const organisations = new OrganisationStore(database);
        const { accountId } = await viewerOf('org9');
        const ids = (await test.rows<{ id: string }>(`SELECT id FROM manage.organisation LIMIT 3`)).map(({ id }) => id);
        for (const call of [
          () => tags.find(repository, name),
          () => new RepositoryListStore(database).find(repository, 0),
          () => publicRepositories.list({ organisation: 'org9more1', offset: 0, limit: 10 }),
          () => publicRepositories.list({ organisation: 'org9more1', name: 'app', offset: 0, limit: 10 }),
          () => new OverviewStore(database).show(accountId),
          () => organisations.counts(ids),
        ]) {
          expect(await readingWholeTables(call)).toEqual([]);
        }
      },
      PATIENCE_MS,
    );
  });
});
