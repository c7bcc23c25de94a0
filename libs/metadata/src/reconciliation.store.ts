import type { Digest } from '@berth/oci';
import type { Database } from './database.js';

export type ReconciliationTask = 'objects' | 'scrub';

/** What an operator is asked: may so many blobs have no object, so many objects go, so many have rotted? */
export type ReconciliationQuestion = 'missing' | 'orphans' | 'rot';

/**
 * `references`: manifests whose blobs have lost their rows are looked for; `checking`: what is missing is looked for again, until
 * that is judged; then what nobody knows is removed.
 */
export type ReconciliationPhase = 'idle' | 'listing' | 'uploads' | 'references' | 'checking' | 'removing' | 'hashing';

/** How far a task is. The counts are of its run, or where it is idle of its last one. */
export interface ReconciliationProgress {
  task: ReconciliationTask;
  phase: ReconciliationPhase;
  /** The key or the digest behind which it goes on. */
  position: string;
  /** Objects that were listed. */
  objects: number;
  /** Rows that were compared or hashed. */
  blobs: number;
  bytes: number;
  /** Objects whose names are none of ours: they are never touched. */
  others: number;
  /** Objects that no row knows and whose age is over. */
  orphans: number;
  /**
   * Rows whose object was found missing, or of another size, and that were not in quarantine before; `skipped` are not among
   * them. Of the scrub: those whose bytes cannot be read, and of which that was not known before.
   */
  holes: number;
  /** Manifests that lack a blob's row or link. */
  incomplete: number;
  removed: number;
  quarantined: number;
  /** Objects that could not be read, though the store answers. */
  skipped: number;
  /** Why it waits for an operator; null: it does not. */
  held: string | null;
  /** What an operator has confirmed of this run. */
  confirmed: ReconciliationQuestion[];
  startedAt: Date | null;
  finishedAt: Date | null;
  /** The object that is hashed, its bytes so far, and the hash of them. */
  hashedKey: string | null;
  hashedBytes: number;
  hashState: Buffer | null;
  /** Somebody works on it now. */
  isActive: boolean;
  /** Seconds since the run began, by the database's clock; null where none ever did. */
  age: number | null;
}

/** What the worker says of its run. What is left out stays as it is; numbers are added, but for `orphans` and `hashedBytes`. */
export interface ReconciliationStep {
  phase?: ReconciliationPhase;
  position?: string;
  objects?: number;
  blobs?: number;
  bytes?: number;
  others?: number;
  orphans?: number;
  holes?: number;
  incomplete?: number;
  removed?: number;
  quarantined?: number;
  skipped?: number;
  hashed?: { key: string; bytes: number; state: Buffer } | null;
  finished?: boolean;
}

/** An object as the store lists it. */
export interface ListedObject {
  key: string;
  size: number;
  modifiedAt: Date;
}

/** All that the store has behind `after`, up to `last` inclusive; null: to its end. */
export interface ObjectRange {
  after: string;
  last: string | null;
  objects: ListedObject[];
}

/** A blob and the object that its row names. */
export interface BlobObject {
  digest: Digest;
  objectKey: string;
  size: number;
}

/** A manifest of which a blob has no row, or no link in its repository. */
export interface IncompleteManifest {
  /** The path of the repository. */
  repository: string;
  digest: Digest;
  blob: Digest;
}

/** `unreadable`: the store fails at the object and answers for another, or the row names no key of an object. */
export type Damage = 'missing' | 'size' | 'unreadable' | 'rot';

/** A blob with what is wrong with its object, as it was found now. */
export interface DamagedBlob extends BlobObject {
  reason: Damage;
  /** Of `unreadable`: behind so many bytes, while its size is right. Absent: its size cannot be read either. */
  unreadableFrom?: number;
}

/** A blob that is looked at again. */
export interface Suspect extends BlobObject {
  /** As of a damaged blob; null where that has none. */
  unreadableFrom: number | null;
  /** How often it was found so. */
  sightings: number;
}

export interface QuarantinedBlob extends BlobObject {
  reason: Damage;
  firstSeen: Date;
  quarantinedAt: Date;
  /** Some of the repositories that have it. */
  repositories: string[];
}

/** Counts of rows go up to 10,000. */
export interface ReconciliationState {
  tasks: ReconciliationProgress[];
  /** Blobs that are suspected, and in quarantine. */
  suspects: number;
  quarantined: number;
  /** Objects that no row knows, whatever their age. */
  orphans: number;
}

/** The lease ran out and another worker may have it: nothing of the step was written. */
export class ReconciliationLost extends Error {
  constructor(task: ReconciliationTask) {
    super(`another worker has the task ${task}`);
  }
}

const PROGRESS = `task, phase, position, objects, blobs, bytes, others, orphans, holes, incomplete, removed, quarantined, skipped, held,
  confirmed, started_at, finished_at, hashed_key, hashed_bytes, hash_state, coalesce(lease_until > now(), false) AS is_active,
  extract(epoch FROM now() - started_at)::float8 AS age`;
const ACQUIRE = {
  name: 'reconciliation-acquire',
  text: `UPDATE registry.reconciliation SET holder = $2, lease_until = now() + make_interval(secs => $3)
         WHERE task = $1 AND (holder = $2 OR lease_until IS NULL OR lease_until <= now()) RETURNING ${PROGRESS}`,
};
const RELEASE = {
  name: 'reconciliation-release',
  text: `UPDATE registry.reconciliation SET lease_until = NULL WHERE holder = $1`,
};
const BEGIN = {
  name: 'reconciliation-begin',
  text: `UPDATE registry.reconciliation SET phase = $3, position = '', objects = 0, blobs = 0, bytes = 0, others = 0,
           orphans = 0, holes = 0, incomplete = 0, removed = 0, quarantined = 0, skipped = 0, held = NULL, question = NULL, confirmed = '{}',
           hashed_key = NULL, hashed_bytes = 0, hash_state = NULL, started_at = now()
         WHERE task = $1 AND holder = $2 AND lease_until > now() RETURNING task`,
};
const STEP = {
  name: 'reconciliation-step',
  text: `UPDATE registry.reconciliation SET phase = coalesce($3, phase), position = coalesce($4, position),
           objects = objects + $5, blobs = blobs + $6, bytes = bytes + $7, others = others + $8,
           orphans = coalesce($9, orphans), holes = holes + $10, removed = removed + $11, quarantined = quarantined + $12,
           skipped = skipped + $13, hashed_key = $14, hashed_bytes = $15, hash_state = $16,
           finished_at = CASE WHEN $17 THEN now() ELSE finished_at END, incomplete = incomplete + $18
         WHERE task = $1 AND holder = $2 AND lease_until > now() RETURNING task`,
};
const HOLD = {
  name: 'reconciliation-hold',
  text: `UPDATE registry.reconciliation SET held = $3, question = $4 WHERE task = $1 AND holder = $2 AND lease_until > now() RETURNING task`,
};
const CONFIRM = {
  name: 'reconciliation-confirm',
  text: `UPDATE registry.reconciliation SET held = NULL, question = NULL, confirmed = array_append(confirmed, question)
         WHERE task = $1 AND held = $2 AND audit.by($3) RETURNING task`,
  audited: true as const,
};
const SHOW = { name: 'reconciliation-show', text: `SELECT ${PROGRESS} FROM registry.reconciliation ORDER BY task` };
const COUNTS = {
  name: 'reconciliation-counts',
  text: `SELECT (SELECT count(*) FROM (SELECT FROM registry.blob_quarantine WHERE quarantined_at IS NULL LIMIT 10000) AS s)::int AS suspects,
           (SELECT count(*) FROM (SELECT FROM registry.blob_quarantine WHERE quarantined_at IS NOT NULL LIMIT 10000) AS q)::int AS quarantined,
           (SELECT count(*) FROM (SELECT FROM registry.orphan_object LIMIT 10000) AS o)::int AS orphans`,
};

/** Scalar subqueries where a join would read a whole table: these are looked up key by key, whatever the planner thinks of their number. */
const LAST_OF_ROWS = {
  name: 'reconciliation-last-of-rows',
  text: `SELECT object_key FROM registry.blob WHERE object_key > $1 ORDER BY object_key OFFSET $2 LIMIT 1`,
};
const IN_RANGE = `object_key > $1 AND object_key <= $2`;
const COUNT_ROWS = {
  name: 'reconciliation-count-rows',
  text: `SELECT count(*)::int AS blobs FROM registry.blob WHERE ${IN_RANGE}`,
};
const HOLES = {
  name: 'reconciliation-holes',
  text: `SELECT b.digest, b.object_key, b.size FROM
           (SELECT digest, object_key, size FROM registry.blob WHERE ${IN_RANGE}) b
           LEFT JOIN unnest($3::text[], $4::bigint[]) AS listed (key, size) ON listed.key = b.object_key
         WHERE listed.size IS DISTINCT FROM b.size AND (
           SELECT q.quarantined_at FROM registry.blob_quarantine q WHERE q.digest = b.digest AND q.object_key = b.object_key) IS NULL
         ORDER BY b.object_key`,
};
const NOTE_ORPHANS = {
  name: 'reconciliation-note-orphans',
  text: `INSERT INTO registry.orphan_object (object_key, size, is_hidden, modified_at)
         SELECT key, size, $4, modified_at FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS listed (key, size, modified_at)
         WHERE (SELECT true FROM registry.blob b WHERE b.object_key = listed.key) IS NULL
           AND (SELECT true FROM registry.object_deletion d WHERE d.object_key = listed.key) IS NULL
         ORDER BY key ON CONFLICT (object_key) DO NOTHING`,
};
const FORGET_ORPHANS = {
  name: 'reconciliation-forget-orphans',
  text: `DELETE FROM registry.orphan_object o WHERE ${IN_RANGE} AND is_hidden = $4 AND (NOT object_key = ANY($3)
           OR (SELECT true FROM registry.blob b WHERE b.object_key = o.object_key)
           OR (SELECT true FROM registry.object_deletion d WHERE d.object_key = o.object_key))`,
};
/**
 * Locks blobs before what is noted of them, as whoever removes or repairs one does. What was hashed wrong once is judged by the
 * second hash: where there is none, because the object has gone meanwhile, it is judged as what it is now.
 */
const SUSPECT = {
  name: 'reconciliation-suspect',
  text: `INSERT INTO registry.blob_quarantine (digest, object_key, reason, unreadable_from)
         SELECT b.digest, b.object_key, found.reason, found.unreadable_from
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS found (digest, object_key, reason, unreadable_from)
         JOIN registry.blob b ON b.digest = found.digest AND b.object_key = found.object_key ORDER BY b.digest FOR KEY SHARE OF b
         ON CONFLICT (digest) DO UPDATE SET object_key = excluded.object_key, reason = excluded.reason,
           unreadable_from = excluded.unreadable_from, sightings = 1, first_seen = now(), last_seen = now(), quarantined_at = NULL
         WHERE registry.blob_quarantine.object_key <> excluded.object_key
           OR (registry.blob_quarantine.reason = 'rot' AND registry.blob_quarantine.quarantined_at IS NULL)
         RETURNING digest`,
};
/** What is right again by key and size; whether its bytes are, or can be read, the scrub says. What somebody else removes or repairs now is left to them. */
const LIFT_LISTED = {
  name: 'reconciliation-lift-listed',
  text: `WITH right_again AS (SELECT q.digest FROM registry.blob_quarantine q JOIN registry.blob b ON b.digest = q.digest
           JOIN unnest($1::text[], $2::bigint[]) AS listed (key, size) ON listed.key = b.object_key AND listed.size = b.size
           WHERE q.reason <> 'rot' AND q.unreadable_from IS NULL FOR UPDATE OF q SKIP LOCKED)
         DELETE FROM registry.blob_quarantine q USING right_again WHERE q.digest = right_again.digest`,
};
const DUE_SUSPECTS = {
  name: 'reconciliation-due-suspects',
  text: `SELECT b.digest, b.object_key, b.size, q.unreadable_from, q.sightings
         FROM registry.blob_quarantine q JOIN registry.blob b ON b.digest = q.digest
         WHERE q.quarantined_at IS NULL AND q.reason <> 'rot' AND q.last_seen <= now() - make_interval(secs => $1)
         ORDER BY q.last_seen LIMIT $2`,
};
/** Of objects that no blob has. What somebody else judges now is left to them. */
const FORGET_STRAYS = {
  name: 'reconciliation-forget-strays',
  text: `WITH strays AS (SELECT q.digest FROM registry.blob_quarantine q
           WHERE (SELECT true FROM registry.blob b WHERE b.digest = q.digest AND b.object_key = q.object_key) IS NULL
           ORDER BY q.last_seen LIMIT $1 FOR UPDATE OF q SKIP LOCKED)
         DELETE FROM registry.blob_quarantine q USING strays WHERE q.digest = strays.digest RETURNING q.digest`,
};
const PENDING_SUSPECTS = {
  name: 'reconciliation-pending-suspects',
  text: `SELECT count(*)::int AS suspects FROM registry.blob_quarantine WHERE quarantined_at IS NULL AND reason <> 'rot'`,
};
/** Only a suspicion, and only as it was read: what was found since is somebody else's word. */
const ACQUIT = {
  name: 'reconciliation-acquit',
  text: `DELETE FROM registry.blob_quarantine
         WHERE digest = $1 AND object_key = $2 AND sightings = $3 AND quarantined_at IS NULL AND reason <> 'rot' RETURNING digest`,
};
const CLEAR = {
  name: 'reconciliation-clear',
  text: `DELETE FROM registry.blob_quarantine WHERE digest = $1
           AND EXISTS (SELECT FROM registry.blob b WHERE b.digest = $1 AND b.object_key = $2) RETURNING quarantined_at`,
};
const SEEN_AGAIN = {
  name: 'reconciliation-seen-again',
  text: `UPDATE registry.blob_quarantine q SET reason = $3, unreadable_from = $6, last_seen = now(), sightings = q.sightings + 1,
           quarantined_at = CASE WHEN q.sightings + 1 >= $4 THEN now() END
         WHERE q.digest = $1 AND q.object_key = $2 AND q.quarantined_at IS NULL AND q.last_seen <= now() - make_interval(secs => $5)
           AND EXISTS (SELECT FROM registry.blob b WHERE b.digest = q.digest AND b.object_key = q.object_key)
         RETURNING quarantined_at`,
};
/** A second hash that is wrong as the first one was is enough. */
const ROT = {
  name: 'reconciliation-rot',
  text: `INSERT INTO registry.blob_quarantine (digest, object_key, reason)
         SELECT digest, object_key, 'rot' FROM registry.blob WHERE digest = $1 AND object_key = $2 FOR KEY SHARE
         ON CONFLICT (digest) DO UPDATE SET reason = 'rot', object_key = excluded.object_key, last_seen = now(),
           sightings = registry.blob_quarantine.sightings + 1, quarantined_at = coalesce(registry.blob_quarantine.quarantined_at, now())
         WHERE registry.blob_quarantine.object_key = excluded.object_key AND registry.blob_quarantine.reason = 'rot'
         RETURNING sightings, quarantined_at`,
};
/** Nothing wrong is known of them; the next ones, and from the first one on. */
const WITNESSES = {
  name: 'reconciliation-witnesses',
  text: `(SELECT digest, object_key, size FROM registry.blob b WHERE digest > $1 AND size > 0
           AND NOT EXISTS (SELECT FROM registry.blob_quarantine q WHERE q.digest = b.digest) ORDER BY digest LIMIT $2)
         UNION ALL (SELECT digest, object_key, size FROM registry.blob b WHERE digest < $1 AND size > 0
           AND NOT EXISTS (SELECT FROM registry.blob_quarantine q WHERE q.digest = b.digest) ORDER BY digest LIMIT $2)
         LIMIT $2`,
};
const NEXT_BLOB = {
  name: 'reconciliation-next-blob',
  text: `SELECT digest, object_key, size FROM registry.blob WHERE digest > $1 ORDER BY digest LIMIT 1`,
};
/** Scalar subqueries, as above. Foreign keys forbid what this looks for: it finds what was done with them switched off. */
const INCOMPLETE = {
  name: 'reconciliation-incomplete',
  text: `SELECT (SELECT r.path FROM registry.repository r WHERE r.id = m.repository_id) AS repository, m.digest, lost.digest AS blob
         FROM (SELECT id, repository_id, digest FROM registry.manifest WHERE id > $1 AND id <= $2) m
         CROSS JOIN LATERAL (SELECT mb.digest FROM registry.manifest_blob mb WHERE mb.manifest_id = m.id AND (
             (SELECT true FROM registry.repository_blob rb WHERE rb.repository_id = mb.repository_id AND rb.digest = mb.digest) IS NULL
             OR (SELECT true FROM registry.blob b WHERE b.digest = mb.digest) IS NULL)
           ORDER BY mb.digest LIMIT 1) lost ORDER BY m.id`,
};
const LAST_OF_MANIFESTS = {
  name: 'reconciliation-last-of-manifests',
  text: `SELECT max(id) AS last FROM (SELECT id FROM registry.manifest WHERE id > $1 ORDER BY id LIMIT $2) page`,
};
/**
 * The session that made an object began before the object was seen first, and a commit ends it in the statement that makes
 * the blob's row. So where in one snapshot no session is as old, and no row has the key, no commit can ever bring it.
 * Reads all sessions, which are the uploads under way.
 */
const IS_DUE = `o.first_seen <= now() - make_interval(secs => $1) AND o.modified_at <= now() - make_interval(secs => $1)
  AND o.first_seen < (SELECT coalesce(min(started_at) - make_interval(secs => least($1, 300)), 'infinity') FROM storage.upload_session)
  AND NOT EXISTS (SELECT FROM registry.blob b WHERE b.object_key = o.object_key)`;
const COUNT_DUE = {
  name: 'reconciliation-count-due',
  text: `SELECT count(*)::int AS orphans FROM registry.orphan_object o WHERE ${IS_DUE}`,
};
const QUEUE_ORPHANS = {
  name: 'reconciliation-queue-orphans',
  text: `WITH gone AS (DELETE FROM registry.orphan_object WHERE object_key IN (
           SELECT o.object_key FROM registry.orphan_object o WHERE NOT o.is_hidden AND ${IS_DUE} ORDER BY o.first_seen LIMIT $2)
           RETURNING object_key, size)
         INSERT INTO registry.object_deletion (object_key, size, not_before) SELECT object_key, size, now() FROM gone
         ON CONFLICT (object_key) DO NOTHING RETURNING object_key`,
};
const DUE_UPLOADS = {
  name: 'reconciliation-due-uploads',
  text: `SELECT o.object_key FROM registry.orphan_object o WHERE o.is_hidden AND ${IS_DUE} ORDER BY o.first_seen LIMIT $2`,
};
const FORGET_UPLOADS = {
  name: 'reconciliation-forget-uploads',
  text: `DELETE FROM registry.orphan_object WHERE object_key = ANY($1)`,
};
/** As if it were seen now: others come before it. */
const POSTPONE_UPLOADS = {
  name: 'reconciliation-postpone-uploads',
  text: `UPDATE registry.orphan_object SET first_seen = now() WHERE object_key = ANY($1)`,
};
const QUARANTINED = {
  name: 'reconciliation-quarantined',
  text: `SELECT b.digest, b.object_key, b.size, q.reason, q.first_seen, q.quarantined_at, ARRAY(
           SELECT r.path FROM registry.repository_blob rb JOIN registry.repository r ON r.id = rb.repository_id
           WHERE rb.digest = b.digest LIMIT 3) AS repositories
         FROM registry.blob_quarantine q JOIN registry.blob b ON b.digest = q.digest
         WHERE q.quarantined_at IS NOT NULL ORDER BY q.last_seen DESC LIMIT $1`,
};

/** A page of rows is no longer than this, however few objects there are for them. */
const MOST_ROWS = 2_000;
/** Behind every key. */
const END = '\u{10FFFF}';

/**
 * Rows and objects compared, both ways. A task is worked on by who holds its lease; what a step finds is written in the
 * transaction that moves the task on, so that a worker whose lease is over writes nothing.
 */
export class ReconciliationStore {
  constructor(private readonly database: Database) {}

  /** Takes or renews the lease of a task; null where another holder has it. */
  async acquire(task: ReconciliationTask, holder: string, seconds: number): Promise<ReconciliationProgress | null> {
    const [row] = await this.database.rows<ProgressRow>(ACQUIRE, [task, holder, seconds]);
    return row ? progressOf(row) : null;
  }

  async release(holder: string): Promise<void> {
    await this.database.rows(RELEASE, [holder]);
  }

  /** A new run, with every count at 0. */
  async begin(task: ReconciliationTask, holder: string, phase: ReconciliationPhase): Promise<void> {
    const begun = await this.database.rows(BEGIN, [task, holder, phase]);
    if (begun.length === 0) throw new ReconciliationLost(task);
  }

  async step(task: ReconciliationTask, holder: string, step: ReconciliationStep): Promise<void> {
    await this.stepIn(this.database.rows.bind(this.database), task, holder, step);
  }

  /** The task waits for `confirm`; the comparison also goes on with its next run, the scrub does not begin one. */
  async hold(
    task: ReconciliationTask,
    holder: string,
    question: ReconciliationQuestion,
    reason: string,
  ): Promise<void> {
    const done = await this.database.rows(HOLD, [task, holder, reason, question]);
    if (done.length === 0) throw new ReconciliationLost(task);
  }

  /** The task goes on, and is not held for the same question in its run; false where it is not held for this reason now. */
  async confirm(task: ReconciliationTask, held: string): Promise<boolean> {
    return (await this.database.rows(CONFIRM, [task, held])).length > 0;
  }

  async show(): Promise<ReconciliationState> {
    const tasks = await this.database.rows<ProgressRow>(SHOW, []);
    const [counts] = await this.database.rows<Omit<ReconciliationState, 'tasks'>>(COUNTS, []);
    return { tasks: tasks.map(progressOf), ...counts! };
  }

  /** The blobs that were put into quarantine or seen damaged last. */
  async quarantined(limit: number): Promise<QuarantinedBlob[]> {
    const rows = await this.database.rows<BlobRow & QuarantineRow>(QUARANTINED, [limit]);
    return rows.map((row) => ({
      ...blobOf(row),
      reason: row.reason,
      firstSeen: row.first_seen,
      quarantinedAt: row.quarantined_at,
      repositories: row.repositories,
    }));
  }

  /**
   * The range, or the beginning of it that has not too many rows; how many, and which of them have no such object and are not
   * in quarantine for it.
   */
  async compare(range: ObjectRange): Promise<{ range: ObjectRange; blobs: number; holes: BlobObject[] }> {
    const [bound] = await this.database.rows<{ object_key: string }>(LAST_OF_ROWS, [range.after, MOST_ROWS - 1]);
    const cut = bound && (range.last === null || bound.object_key < range.last) ? bound.object_key : null;
    const compared = cut === null ? range : upTo(range, cut);
    const bounds = [compared.after, compared.last ?? END];
    const { keys, sizes } = columnsOf(compared.objects);
    const [count] = await this.database.rows<{ blobs: number }>(COUNT_ROWS, bounds);
    const holes = await this.database.rows<BlobRow>(HOLES, [...bounds, keys, sizes]);
    return { range: compared, blobs: count!.blobs, holes: holes.map(blobOf) };
  }

  /** Moves the run on behind a range that was compared, and notes what it found. */
  recordRange(holder: string, range: ObjectRange, holes: DamagedBlob[], step: ReconciliationStep): Promise<void> {
    const { keys, sizes, times } = columnsOf(range.objects);
    return this.database.transaction(async (rows) => {
      await this.stepIn(rows, 'objects', holder, step);
      await rows(NOTE_ORPHANS, [keys, sizes, times, false]);
      await rows(FORGET_ORPHANS, [range.after, range.last ?? END, keys, false]);
      await this.suspectIn(rows, holes);
      await rows(LIFT_LISTED, [keys, sizes]);
    });
  }

  /** As recordRange, of uploads that the store keeps beside its objects. */
  recordUploads(holder: string, range: ObjectRange, step: ReconciliationStep): Promise<void> {
    const { keys, sizes, times } = columnsOf(range.objects);
    return this.database.transaction(async (rows) => {
      await this.stepIn(rows, 'objects', holder, step);
      await rows(NOTE_ORPHANS, [keys, sizes, times, true]);
      await rows(FORGET_ORPHANS, [range.after, range.last ?? END, keys, true]);
    });
  }

  /** Of up to `limit` manifests behind `after`: those that lack a blob, and the last that was looked at; null: there is none. */
  async incompleteManifests(
    after: string,
    limit: number,
  ): Promise<{ last: string | null; incomplete: IncompleteManifest[] }> {
    const from = after || '0';
    const [{ last } = { last: null }] = await this.database.rows<{ last: string | null }>(LAST_OF_MANIFESTS, [
      from,
      limit,
    ]);
    if (last === null) return { last, incomplete: [] };
    return { last, incomplete: await this.database.rows<IncompleteManifest>(INCOMPLETE, [from, last]) };
  }

  /** Suspects that were last looked at `seconds` ago. */
  async dueSuspects(seconds: number, limit: number): Promise<Suspect[]> {
    const rows = await this.database.rows<BlobRow & SuspectRow>(DUE_SUSPECTS, [seconds, limit]);
    return rows.map((row) => ({
      ...blobOf(row),
      unreadableFrom: row.unreadable_from === null ? null : Number(row.unreadable_from),
      sightings: row.sightings,
    }));
  }

  /** Suspicions and quarantines of objects that no blob has, which only somebody's hand leaves. True where there may be more. */
  async forgetStrays(limit: number): Promise<boolean> {
    return (await this.database.rows(FORGET_STRAYS, [limit])).length === limit;
  }

  /** Suspects that are not judged yet. */
  async pendingSuspects(): Promise<number> {
    const [row] = await this.database.rows<{ suspects: number }>(PENDING_SUSPECTS, []);
    return row!.suspects;
  }

  /** Its object was right when it was looked at again. Nothing is done where somebody has found more of it since. */
  async acquit(holder: string, { digest, objectKey, sightings }: Suspect): Promise<void> {
    await this.recorded('objects', holder, {}, (rows) => rows(ACQUIT, [digest, objectKey, sightings]));
  }

  /** Its bytes hash to its digest: it is no longer suspected, nor in quarantine; true where it was in quarantine. */
  async clear(holder: string, { digest, objectKey }: BlobObject, step: ReconciliationStep): Promise<boolean> {
    const [row] = await this.recorded('scrub', holder, step, (rows) =>
      rows<{ quarantined_at: Date | null }>(CLEAR, [digest, objectKey]),
    );
    return (row?.quarantined_at ?? null) !== null;
  }

  /** Found damaged once more, `seconds` after the last time at least; true where that made it `needed` times. */
  async seenAgain(
    holder: string,
    { digest, objectKey, reason, unreadableFrom }: DamagedBlob,
    { needed, seconds }: { needed: number; seconds: number },
  ): Promise<boolean> {
    const values = [digest, objectKey, reason, needed, seconds, unreadableFrom ?? null];
    const [row] = await this.recorded('objects', holder, {}, (rows) =>
      rows<{ quarantined_at: Date | null }>(SEEN_AGAIN, values),
    );
    return (row?.quarantined_at ?? null) !== null;
  }

  /** What the scrub has found; counts those that were not suspected, nor in quarantine, before. */
  async suspect(holder: string, damaged: DamagedBlob[], step: ReconciliationStep): Promise<void> {
    await this.recorded('scrub', holder, step, async (rows) => {
      const holes = await this.suspectIn(rows, damaged);
      await this.stepIn(rows, 'scrub', holder, { holes });
    });
  }

  /** The bytes hash to something else; `quarantined` where that was found before. */
  async rotten(
    holder: string,
    { digest, objectKey }: BlobObject,
    step: ReconciliationStep,
  ): Promise<'suspected' | 'quarantined' | 'known' | 'changed'> {
    const [row] = await this.recorded('scrub', holder, step, (rows) =>
      rows<{ sightings: number; quarantined_at: Date | null }>(ROT, [digest, objectKey]),
    );
    if (!row) return 'changed';
    if (row.quarantined_at === null) return 'suspected';
    return row.sightings === 2 ? 'quarantined' : 'known';
  }

  /** Up to `limit` other blobs by whose objects one can tell whether the store reads at all. */
  async witnesses(digest: Digest, limit: number): Promise<BlobObject[]> {
    return (await this.database.rows<BlobRow>(WITNESSES, [digest, limit])).map(blobOf);
  }

  async nextBlob(after: string): Promise<BlobObject | null> {
    const [row] = await this.database.rows<BlobRow>(NEXT_BLOB, [after]);
    return row ? blobOf(row) : null;
  }

  /** Objects and uploads that may be removed now: seen first, and modified last, `seconds` ago or longer. */
  async dueOrphans(seconds: number): Promise<number> {
    const [row] = await this.database.rows<{ orphans: number }>(COUNT_DUE, [seconds]);
    return row!.orphans;
  }

  /** Queues up to `limit` of these objects for deletion; gives how many. */
  queueOrphans(holder: string, seconds: number, limit: number): Promise<number> {
    return this.database.transaction(async (rows) => {
      const queued = (await rows(QUEUE_ORPHANS, [seconds, limit])).length;
      await this.stepIn(rows, 'objects', holder, { removed: queued });
      return queued;
    });
  }

  async dueUploads(seconds: number, limit: number): Promise<string[]> {
    const rows = await this.database.rows<{ object_key: string }>(DUE_UPLOADS, [seconds, limit]);
    return rows.map((row) => row.object_key);
  }

  /** Uploads that the store has removed, and that it could not: these are as young as if they were seen first now. */
  forgetUploads(holder: string, removed: string[], failed: string[]): Promise<void> {
    return this.recorded('objects', holder, { removed: removed.length }, async (rows) => {
      await rows(FORGET_UPLOADS, [removed]);
      await rows(POSTPONE_UPLOADS, [failed]);
    });
  }

  /** The step locks the task's row: while `note` writes nobody takes the task over, and whose lease is over writes nothing. */
  private recorded<T>(
    task: ReconciliationTask,
    holder: string,
    step: ReconciliationStep,
    note: (rows: Database['rows']) => Promise<T>,
  ): Promise<T> {
    return this.database.transaction(async (rows) => {
      await this.stepIn(rows, task, holder, step);
      return note(rows);
    });
  }

  private async stepIn(
    rows: Database['rows'],
    task: ReconciliationTask,
    holder: string,
    step: ReconciliationStep,
  ): Promise<void> {
    const done = await rows(STEP, [
      task,
      holder,
      step.phase ?? null,
      step.position ?? null,
      step.objects ?? 0,
      step.blobs ?? 0,
      step.bytes ?? 0,
      step.others ?? 0,
      step.orphans ?? null,
      step.holes ?? 0,
      step.removed ?? 0,
      step.quarantined ?? 0,
      step.skipped ?? 0,
      step.hashed?.key ?? null,
      step.hashed?.bytes ?? 0,
      step.hashed?.state ?? null,
      step.finished ?? false,
      step.incomplete ?? 0,
    ]);
    if (done.length === 0) throw new ReconciliationLost(task);
  }

  private async suspectIn(rows: Database['rows'], damaged: DamagedBlob[]): Promise<number> {
    if (damaged.length === 0) return 0;
    const columns = [
      damaged.map((one) => one.digest),
      damaged.map((one) => one.objectKey),
      damaged.map((one) => one.reason),
      damaged.map((one) => one.unreadableFrom ?? null),
    ];
    return (await rows(SUSPECT, columns)).length;
  }
}

const upTo = ({ after, objects }: ObjectRange, last: string): ObjectRange => ({
  after,
  last,
  objects: objects.filter(({ key }) => key <= last),
});

const columnsOf = (objects: ListedObject[]) => ({
  keys: objects.map(({ key }) => key),
  sizes: objects.map(({ size }) => size),
  times: objects.map(({ modifiedAt }) => modifiedAt),
});

interface BlobRow {
  digest: Digest;
  object_key: string;
  size: string;
}

interface SuspectRow {
  unreadable_from: string | null;
  sightings: number;
}

interface QuarantineRow {
  reason: Damage;
  first_seen: Date;
  quarantined_at: Date;
  repositories: string[];
}

interface ProgressRow {
  task: ReconciliationTask;
  phase: ReconciliationPhase;
  position: string;
  objects: string;
  blobs: string;
  bytes: string;
  others: string;
  orphans: string;
  holes: string;
  incomplete: string;
  removed: string;
  quarantined: string;
  skipped: string;
  held: string | null;
  confirmed: ReconciliationQuestion[];
  started_at: Date | null;
  finished_at: Date | null;
  hashed_key: string | null;
  hashed_bytes: string;
  hash_state: Buffer | null;
  is_active: boolean;
  age: number | null;
}

const blobOf = ({ digest, object_key: objectKey, size }: BlobRow): BlobObject => ({
  digest,
  objectKey,
  size: Number(size),
});

const progressOf = (row: ProgressRow): ReconciliationProgress => ({
  task: row.task,
  phase: row.phase,
  position: row.position,
  objects: Number(row.objects),
  blobs: Number(row.blobs),
  bytes: Number(row.bytes),
  others: Number(row.others),
  orphans: Number(row.orphans),
  holes: Number(row.holes),
  incomplete: Number(row.incomplete),
  removed: Number(row.removed),
  quarantined: Number(row.quarantined),
  skipped: Number(row.skipped),
  held: row.held,
  confirmed: row.confirmed,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  hashedKey: row.hashed_key,
  hashedBytes: Number(row.hashed_bytes),
  hashState: row.hash_state,
  isActive: row.is_active,
  age: row.age,
});
