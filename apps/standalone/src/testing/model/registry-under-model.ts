import { randomUUID } from 'node:crypto';
import { DELETE_REPOSITORY, EXPLAIN_DIGEST, SET_UNTAGGED_POLICY } from '@berth/contracts';
import {
  GarbageCollector,
  GcWorkerModule,
  LinkReview,
  ManifestReview,
  ObjectComparison,
  ObjectDeletion,
  ReconciliationLoop,
} from '@berth/gc-worker';
import {
  Database,
  deployMigrations,
  type DueLink,
  type DueManifest,
  GarbageStore,
  UntaggedPolicyStore,
} from '@berth/metadata';
import type { Digest, RepositoryName } from '@berth/oci';
import { loadSettings, startInProcessService } from '@berth/platform';
import { RegistryClient, startPostgres, tempFolder, UploadSession } from '@berth/testing';
import { SERVICES, type Standalone, startServices } from '../../standalone.js';
import { type BlobName, BLOBS, type ManifestName, MANIFESTS, nameOf } from './content.js';
import type { ObjectStore } from './object-store.js';
import { HOUR, LEASE, type ModelTiming, type Policy } from './registry-model.js';

const BATCH = 200;
const MOST_STEPS_OF_COMPARISON = 20;
/** Of a history, and of a session that is left open: real time never ends either. */
const NEVER = '1000000';
const NOT_STOPPED = () => false;

/** What is due in a repository, as a worker has taken it: it may be long ago. */
export type Due<Name> = { repository: string; name: Name } & { row: DueLink | DueManifest };

/** All rows of one history, in names. */
export interface Snapshot {
  /** As the model describes itself. */
  lines: string[];
  repositories: Map<string, { blobs: BlobName[]; manifests: ManifestName[]; tags: [string, ManifestName][] }>;
  /** Object keys by the names of blobs. */
  keys: Map<BlobName, string>;
}

interface SnapshotRow {
  repositories: Record<
    string,
    { blobs: string[]; manifests: string[]; tags: Record<string, string>; counted: { tags: number; bytes: number } }
  >;
  blobs: Record<string, string>;
  counted: { repositories: number; tags: number; bytes: number };
}

const SNAPSHOT = {
  name: 'model-snapshot',
  text: `SELECT
    (SELECT coalesce(jsonb_object_agg(split_part(r.path, '/', 2), jsonb_build_object(
      'blobs', (SELECT coalesce(jsonb_agg(rb.digest), '[]') FROM registry.repository_blob rb WHERE rb.repository_id = r.id),
      'manifests', (SELECT coalesce(jsonb_agg(m.digest), '[]') FROM registry.manifest m WHERE m.repository_id = r.id),
      'tags', (SELECT coalesce(jsonb_object_agg(t.name, m.digest), '{}') FROM registry.tag t
        JOIN registry.manifest m ON m.id = t.manifest_id WHERE t.repository_id = r.id),
      'counted', (SELECT jsonb_build_object('tags', s.tag_count, 'bytes', s.size) FROM registry.repository_statistics s
        WHERE s.repository_id = r.id))), '{}')
      FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id WHERE o.name = $1) AS repositories,
    (SELECT coalesce(jsonb_object_agg(b.digest, b.object_key), '{}') FROM registry.blob b) AS blobs,
    (SELECT jsonb_build_object('repositories', coalesce(sum(repository_count), 0), 'tags', coalesce(sum(tag_count), 0),
      'bytes', coalesce(sum(size), 0)) FROM registry.organisation_statistics s
      JOIN manage.organisation o ON o.id = s.organisation_id WHERE o.name = $1) AS counted`,
};
/** Whatever was to happen in the time that passes has come nearer by it. */
const PASS_TIME = {
  name: 'model-pass-time',
  text: `WITH links AS (UPDATE registry.repository_blob SET review_after = review_after - make_interval(secs => $1)),
    manifests AS (UPDATE registry.manifest SET review_after = review_after - make_interval(secs => $1),
      released_at = released_at - make_interval(secs => $1))
    UPDATE registry.object_deletion SET not_before = not_before - make_interval(secs => $1)`,
};
const BEGIN_COMPARISON = {
  name: 'model-begin-comparison',
  text: `UPDATE registry.reconciliation SET started_at = started_at - interval '1 day', lease_until = NULL WHERE task = 'objects'`,
};
const PATHS = {
  name: 'model-paths',
  text: `SELECT id::text, split_part(path, '/', 2) AS name FROM registry.repository`,
};
const DIGESTS = { name: 'model-digests', text: `SELECT id::text, digest FROM registry.manifest WHERE id = ANY($1)` };
const LEFT = {
  name: 'model-left',
  text: `SELECT (SELECT count(*) FROM registry.blob) + (SELECT count(*) FROM registry.object_deletion)
    + (SELECT count(*) FROM storage.upload_session) + (SELECT count(*) FROM registry.statistics_change) AS rows`,
};
const RUN_OF_COMPARISON = {
  name: 'model-comparison',
  text: `SELECT phase, held FROM registry.reconciliation WHERE task = 'objects'`,
};
const EMPTY = {
  text: `TRUNCATE registry.repository, registry.blob, registry.object_deletion, registry.orphan_object, registry.untagged_review,
    storage.upload_session CASCADE`,
};

/**
 * All services of a registry, as standalone runs them, with a real database and a real object store; but nothing is
 * collected by itself: the parts of gc-worker do a step when they are told to. One history after another, each in an
 * organisation of its own.
 */
export class RegistryUnderModel {
  /** So many have begun. */
  histories = 0;
  private organisation = '';
  private uploads: UploadSession[] = [];
  private comparing: Promise<void> = Promise.resolve();

  private constructor(
    readonly timing: ModelTiming,
    readonly store: ObjectStore,
    private readonly registry: Standalone,
    private readonly client: RegistryClient,
    private readonly garbage: GarbageStore,
    private readonly policies: UntaggedPolicyStore,
    private readonly worker: {
      manifests: ManifestReview;
      links: LinkReview;
      objects: ObjectDeletion;
      comparison: ObjectComparison;
    },
    readonly stop: () => Promise<void>,
  ) {}

  static async start(
    openStore: (dataFolder: string) => ObjectStore | Promise<ObjectStore>,
    timing: ModelTiming,
  ): Promise<RegistryUnderModel> {
    const temp = tempFolder();
    const postgres = await startPostgres({ settings: { deadlock_timeout: '50ms' } });
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    const store = await openStore(temp.path);
    const settings = loadSettings({
      BERTH_PORT: '0',
      BERTH_INTERNAL_PORT: '0',
      BERTH_LOG_LEVEL: 'silent',
      BERTH_OPEN: 'true',
      BERTH_DATA_DIR: temp.path,
      BERTH_DATABASE_URL: url,
      BERTH_SECRET_KEY: 's'.repeat(32),
      BERTH_ADMIN_PASSWORD: 'correct horse battery',
      BERTH_RATE_LIMIT_ADDRESS: '0',
      BERTH_RATE_LIMIT_USER: '0',
      BERTH_LEASE_SECONDS: String(LEASE),
      BERTH_GC_GRACE_SECONDS: String(timing.grace),
      BERTH_READ_GRANT_SECONDS: String(timing.pullWindow),
      BERTH_UPLOAD_IDLE_SECONDS: NEVER,
      BERTH_UPLOAD_MAX_SECONDS: String(2 * Number(NEVER)),
      BERTH_GC_RECONCILE_SECONDS: String(HOUR),
      // The clock of the object store cannot be moved: what protects an object that has no row yet is its upload session.
      BERTH_GC_ORPHAN_SECONDS: '0',
      ...store.settings,
    });
    const { 'gc-worker': _collecting, ...services } = SERVICES;
    const registry = await startServices(settings, services);
    const worker = await startInProcessService(registry.host, 'gc-worker', GcWorkerModule);
    await worker.get(GarbageCollector).onApplicationShutdown();
    await worker.get(ReconciliationLoop).onApplicationShutdown();
    const database = registry.host.database!;
    return new RegistryUnderModel(
      timing,
      store,
      registry,
      new RegistryClient(registry.address),
      new GarbageStore(database, { graceSeconds: timing.grace, pullWindowSeconds: timing.pullWindow }),
      // A few manifests a step, so that a history of a few goes through several.
      new UntaggedPolicyStore(database, LEASE, 2),
      {
        manifests: worker.get(ManifestReview),
        links: worker.get(LinkReview),
        objects: worker.get(ObjectDeletion),
        comparison: worker.get(ObjectComparison),
      },
      async () => {
        await worker.close();
        await registry.stop();
        await store.stop();
        await postgres.stop();
        temp.remove();
      },
    );
  }

  get database(): Database {
    return this.registry.host.database!;
  }

  /** A new organisation; the registry has nothing else. */
  begin(): void {
    this.organisation = `history${++this.histories}`;
    this.uploads = [];
    this.comparing = Promise.resolve();
  }

  /** Whatever a history that failed has left. */
  async clear(): Promise<void> {
    await this.database.rows(EMPTY, []);
    for (const key of await this.store.keys()) await this.store.remove(key);
  }

  async pushBlob(repository: string, blob: BlobName): Promise<number> {
    const headers = { 'content-type': 'application/octet-stream' };
    const { digest, bytes } = BLOBS[blob];
    return (await this.client.postUpload(this.path(repository), { query: { digest }, headers, body: bytes })).status;
  }

  /** Of an upload that a mount has become, nothing is left. */
  async mount(repository: string, blob: BlobName, from: string): Promise<number> {
    const answer = await this.client.mountBlob(this.path(repository), BLOBS[blob].digest, this.path(from));
    if (answer.status === 202) {
      (await new UploadSession(this.client, this.path(repository), answer.header('location')!).cancel()).expect(204);
    }
    return answer.status;
  }

  async headBlob(repository: string, blob: BlobName): Promise<number> {
    return (await this.client.headBlob(this.path(repository), BLOBS[blob].digest)).status;
  }

  async deleteBlob(repository: string, blob: BlobName): Promise<number> {
    return (await this.client.deleteBlob(this.path(repository), BLOBS[blob].digest)).status;
  }

  /** An upload that has its first bytes; the last one that was started is 0. */
  async startUpload(repository: string, blob: BlobName): Promise<void> {
    const session = await this.client.startUpload(this.path(repository));
    (await session.patch(BLOBS[blob].bytes.subarray(0, 3), 0)).expect(202);
    this.uploads.push(session);
  }

  async finishUpload(number: number, blob: BlobName): Promise<number> {
    const [session] = this.uploads.splice(number, 1);
    const { bytes, digest } = BLOBS[blob];
    return (await session!.finish(digest, bytes.subarray(3))).status;
  }

  async cancelUpload(number: number): Promise<number> {
    const [session] = this.uploads.splice(number, 1);
    return (await session!.cancel()).status;
  }

  /** An upload that was begun, cancelled. */
  async cancelOwn(repository: string, blob: BlobName): Promise<number> {
    const session = await this.client.startUpload(this.path(repository));
    (await session.patch(BLOBS[blob].bytes, 0)).expect(202);
    return (await session.cancel()).status;
  }

  async putManifest(repository: string, name: ManifestName, tag: string | null): Promise<number> {
    const { manifest } = MANIFESTS[name];
    return (await this.client.putManifest(this.path(repository), tag ?? manifest.digest, manifest)).status;
  }

  async headManifest(repository: string, name: ManifestName): Promise<number> {
    return (await this.client.headManifest(this.path(repository), MANIFESTS[name].manifest.digest)).status;
  }

  async deleteTag(repository: string, tag: string): Promise<number> {
    return (await this.client.deleteManifest(this.path(repository), tag)).status;
  }

  async deleteManifest(repository: string, name: ManifestName): Promise<number> {
    return (await this.client.deleteManifest(this.path(repository), MANIFESTS[name].manifest.digest)).status;
  }

  /** The manifest as it is served, and all that it refers to: throws where a byte is missing or another one. */
  async pull(repository: string, name: ManifestName): Promise<number> {
    const { manifest, blobs } = MANIFESTS[name];
    const answer = await this.client.getManifest(this.path(repository), manifest.digest);
    if (answer.status !== 200) return answer.status;
    if (!answer.bytes.equals(manifest.bytes)) throw new Error(`the manifest ${name} is served with other bytes`);
    for (const blob of blobs) {
      const { status, bytes } = await this.client.getBlob(this.path(repository), BLOBS[blob].digest);
      if (status !== 200 || !bytes.equals(BLOBS[blob].bytes)) {
        throw new Error(`${repository} serves ${name} and not its blob ${blob}: ${status}, ${bytes.length} bytes`);
      }
    }
    return 200;
  }

  /** As pull, where others may be deleting it: then a part may be missing. What is served has the right bytes. */
  async pullOrMiss(repository: string, name: ManifestName): Promise<number> {
    const { manifest, blobs } = MANIFESTS[name];
    const parts = [
      { answer: await this.client.getManifest(this.path(repository), manifest.digest), bytes: manifest.bytes },
    ];
    for (const blob of parts[0]!.answer.status === 200 ? blobs : []) {
      const answer = await this.client.getBlob(this.path(repository), BLOBS[blob].digest);
      parts.push({ answer, bytes: BLOBS[blob].bytes });
    }
    for (const { answer, bytes } of parts) {
      if (answer.status === 200 && !answer.bytes.equals(bytes)) throw new Error(`${name} is served with other bytes`);
    }
    return Math.max(...parts.map(({ answer }) => answer.status));
  }

  async referrers(repository: string, name: ManifestName): Promise<string[]> {
    const answer = await this.client.referrers(this.path(repository), MANIFESTS[name].manifest.digest);
    if (answer.status === 404) return [];
    return answer
      .expect(200)
      .json<{ manifests: { digest: string }[] }>()
      .manifests.map(({ digest }) => nameOf(digest));
  }

  deleteRepository(repository: string): Promise<boolean> {
    return succeeds(this.registry.host.bus.request(DELETE_REPOSITORY, { repository: this.path(repository) }));
  }

  /** Of the organisation where there is no repository. */
  setPolicy(repository: string | null, policy: Policy | null): Promise<boolean> {
    const owner = repository === null ? { organisation: this.organisation } : { repository: this.path(repository) };
    const wanted = policy === 'keep' ? { keep: true } : policy === null ? {} : { afterSeconds: policy };
    return succeeds(this.registry.host.bus.request(SET_UNTAGGED_POLICY, { ...owner, ...wanted }));
  }

  /** A line for each place, as the model says it. */
  async explain(name: BlobName | ManifestName): Promise<string[]> {
    const digest = (name in BLOBS ? BLOBS[name as BlobName] : MANIFESTS[name as ManifestName].manifest).digest;
    const { places } = await this.registry.host.bus.request(EXPLAIN_DIGEST, { digest: digest as Digest });
    const now = Date.now();
    const lines = places.map(({ repository, isKept, goesAfter }) => {
      // Up to what the model's dates have in common: a history is a few seconds old.
      const left = goesAfter === null ? 0 : Math.ceil((Date.parse(goesAfter) - now) / 100_000) * 100;
      return `${name} in ${repository.split('/')[1]} ${isKept ? 'is kept' : `goes after ${left} seconds`}`;
    });
    return lines.sort();
  }

  async passHours(hours: number): Promise<void> {
    await this.database.rows(PASS_TIME, [hours * HOUR]);
  }

  /** Behind policies that changed. */
  async followPolicies(): Promise<void> {
    while (await this.policies.reviewStep());
  }

  async takeDueManifests(): Promise<Due<ManifestName>[]> {
    const due = await this.garbage.dueManifests(BATCH);
    const paths = await this.paths();
    const rows = await this.database.rows<{ id: string; digest: string }>(DIGESTS, [due.map(({ id }) => id)]);
    const names = new Map(rows.map(({ id, digest }) => [id, nameOf(digest) as ManifestName]));
    return due.map((row) => ({ repository: paths.get(row.repositoryId)!, name: names.get(row.id)!, row }));
  }

  async takeDueLinks(): Promise<Due<BlobName>[]> {
    const due = await this.garbage.dueLinks(BATCH);
    const paths = await this.paths();
    return due.map((row) => ({ repository: paths.get(row.repositoryId)!, name: nameOf(row.digest) as BlobName, row }));
  }

  async reviewManifest({ row }: Due<ManifestName>): Promise<void> {
    await this.garbage.reviewManifest(row as DueManifest, (repository, digest) => ({
      subject: 'registry.manifest.deleted.v1',
      payload: { repository, digest },
    }));
  }

  async reviewLink({ row }: Due<BlobName>): Promise<void> {
    await this.garbage.reviewLink(row as DueLink);
  }

  /** Everything that is due, as gc-worker does it, until nothing is. */
  async collect(): Promise<void> {
    do await this.worker.manifests.run(NOT_STOPPED);
    while ((await this.garbage.dueManifests(1)).length > 0);
    await this.worker.links.run(NOT_STOPPED);
    await this.deleteObjects();
  }

  deleteObjects(): Promise<void> {
    return this.worker.objects.run(NOT_STOPPED);
  }

  /** A run of the comparison of rows and objects, from its beginning to its end. Where one is under way, behind it. */
  compareObjects(): Promise<void> {
    this.comparing = this.comparing.then(() => this.compareNow());
    return this.comparing;
  }

  private async compareNow(): Promise<void> {
    const holder = randomUUID();
    await this.database.rows(BEGIN_COMPARISON, []);
    for (let steps = 0; steps < MOST_STEPS_OF_COMPARISON; steps++) {
      await this.worker.comparison.step(holder);
      const [run] = await this.database.rows<{ phase: string; held: string | null }>(RUN_OF_COMPARISON, []);
      if (run!.held !== null) throw new Error(`the comparison is held: ${run!.held}`);
      if (run!.phase === 'idle') return;
    }
    throw new Error(`the comparison did not end in ${MOST_STEPS_OF_COMPARISON} steps`);
  }

  /** An object that no row knows, as a crash leaves it. */
  async leaveObject(): Promise<void> {
    const id = randomUUID();
    await this.store.put(`objects/${id.slice(0, 2)}/${id}`, Buffer.from('left by a crash'));
  }

  async snapshot(): Promise<Snapshot> {
    const [row] = await this.database.rows<SnapshotRow>(SNAPSHOT, [this.organisation]);
    const { repositories, blobs, counted } = row!;
    const named = new Map(
      Object.entries(repositories).map(([name, { blobs, manifests, tags }]) => [
        name,
        {
          blobs: blobs.map((digest) => nameOf(digest) as BlobName),
          manifests: manifests.map((digest) => nameOf(digest) as ManifestName),
          tags: Object.entries(tags).map(([tag, digest]) => [tag, nameOf(digest)] as [string, ManifestName]),
        },
      ]),
    );
    const lines = [...named].flatMap(([name, { blobs, manifests, tags }]) => [
      ...blobs.map((blob) => `${name} has blob ${blob}`),
      ...manifests.map((manifest) => `${name} has manifest ${manifest}`),
      ...tags.map(([tag, manifest]) => `${name} has tag ${tag} of ${manifest}`),
      `${name} counts ${repositories[name]!.counted.tags} tags and ${repositories[name]!.counted.bytes} bytes`,
    ]);
    const keys = new Map(Object.entries(blobs).map(([digest, key]) => [nameOf(digest) as BlobName, key]));
    const rows = [...keys.keys()].map((name) => `blob ${name}`);
    const sum = `the organisation counts ${counted.repositories} repositories, ${counted.tags} tags and ${counted.bytes} bytes`;
    return { lines: [...lines, ...rows, sum].sort(), repositories: named, keys };
  }

  /** Rows that a history leaves beside those of repositories. */
  async rowsLeft(): Promise<number> {
    return Number((await this.database.rows<{ rows: string }>(LEFT, []))[0]!.rows);
  }

  private async paths(): Promise<Map<string, string>> {
    const rows = await this.database.rows<{ id: string; name: string }>(PATHS, []);
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  private path(repository: string): RepositoryName {
    return `${this.organisation}/${repository}` as RepositoryName;
  }
}

const succeeds = (request: Promise<unknown>): Promise<boolean> =>
  request.then(
    () => true,
    (error: { status?: number }) => {
      if (error.status === undefined || error.status >= 500) throw error;
      return false;
    },
  );
