import type {
  ExplainDigestV1,
  ExplainedDamageV1,
  ExplainedDigestV1,
  ExplainedPlaceV1,
  PlannedCollectionV1,
  ReasonV1,
} from '@berth/contracts';
import {
  type ExplainedBlob,
  type ExplainedLink,
  type ExplainedManifest,
  GarbageExplanationStore,
  type QueuedObject,
} from '@berth/metadata';
import { Injectable } from '@nestjs/common';

const MOST_PLACES = 20;
const MOST_OBJECTS = 5;
const MOST_LISTED = 100;
/** Manifests that one place's chain names at most, and how far up it goes. */
const MOST_MANIFESTS = 30;
const DEEPEST = 6;

/** Why something is kept, and what would go. */
@Injectable()
export class Explanations {
  constructor(private readonly store: GarbageExplanationStore) {}

  async explain({ digest, ...where }: ExplainDigestV1): Promise<ExplainedDigestV1> {
    const repository = where.repository ?? null;
    const ids = await this.store.manifestIds(digest, repository);
    const manifests = await this.store.manifests(ids.slice(0, MOST_PLACES));
    const links = await this.store.links(digest, repository, MOST_PLACES);
    const places: ExplainedPlaceV1[] = [];
    for (const manifest of manifests) places.push(await new Chain(this.store).ofManifest(manifest));
    for (const link of links.shown.slice(0, MOST_PLACES - places.length)) {
      places.push(await new Chain(this.store).ofLink(link));
    }
    // What is to be deleted was perhaps another repository's alone.
    const objects = repository === null ? await this.store.queuedObjects(digest, MOST_OBJECTS) : [];
    // Of a blob that is elsewhere, one repository knows nothing.
    const blob = links.count > 0 ? await this.store.blob(digest) : null;
    return {
      digest,
      size: blob?.size ?? null,
      damage: damageOf(blob),
      places,
      more: ids.length + links.count - places.length,
      objects: objects.map(queued),
    };
  }

  plan(): Promise<PlannedCollectionV1> {
    return this.store.plan(MOST_LISTED);
  }
}

/** Goes from one thing up to what keeps it. What it has named before it names again, without its reasons. */
class Chain {
  private readonly named = new Set<string>();

  constructor(private readonly store: GarbageExplanationStore) {}

  async ofManifest(manifest: ExplainedManifest): Promise<ExplainedPlaceV1> {
    this.named.add(manifest.id);
    const { repository, policyEnds, reviewAfter, now } = manifest;
    const kept = isKept(manifest);
    const goes = reviewAfter && reviewAfter > policyEnds ? reviewAfter : policyEnds;
    return {
      repository,
      kind: 'manifest',
      isKept: kept,
      goesAfter: kept ? null : inFuture(goes, now),
      because: await this.reasonsOf(manifest, 0),
    };
  }

  async ofLink({ repository, reviewAfter, leasedUntil, manifests, now }: ExplainedLink): Promise<ExplainedPlaceV1> {
    if (manifests.count > 0) {
      const because = await this.needing('manifest', manifests.shown, manifests.count, 0);
      return { repository, kind: 'blob', isKept: true, goesAfter: null, because };
    }
    const [lease, grace] = [inFuture(leasedUntil, now), inFuture(reviewAfter, now)];
    const because: ReasonV1[] = [
      ...(lease ? [{ kind: 'lease' as const, until: lease }] : []),
      ...(grace ? [{ kind: 'grace' as const, until: grace }] : []),
    ];
    if (because.length === 0) because.push({ kind: reviewAfter ? 'due' : 'unqueued' });
    return { repository, kind: 'blob', isKept: false, goesAfter: grace, because };
  }

  private async reasonsOf(manifest: ExplainedManifest, depth: number): Promise<ReasonV1[]> {
    const { tags, indexes, subject, policy, policyFrom: from, policyEnds, reviewAfter, isToBeQueued, now } = manifest;
    const reasons: ReasonV1[] = [];
    if (tags.count > 0) reasons.push({ kind: 'tag', tags: tags.shown, ...more(tags.count - tags.shown.length) });
    if (indexes.count > 0) reasons.push(...(await this.needing('index', indexes.shown, indexes.count, depth)));
    if (subject !== null) reasons.push(...(await this.needing('subject', [subject], 1, depth)));
    if (reasons.length > 0) return reasons;
    if (policy === 'keep') return [{ kind: 'policy', policy, from }];
    const [lease, ends] = [inFuture(reviewAfter, now), inFuture(policyEnds, now)];
    if (lease && reviewAfter!.getTime() !== policyEnds.getTime()) reasons.push({ kind: 'lease', until: lease });
    if (ends) reasons.push({ kind: 'policy', policy, from, until: ends });
    if (reasons.length === 0) reasons.push({ kind: reviewAfter || isToBeQueued ? 'due' : 'unqueued' });
    return reasons;
  }

  /** Other manifests that need it, each with why it is there. */
  private async needing(
    kind: 'index' | 'subject' | 'manifest',
    ids: string[],
    count: number,
    depth: number,
  ): Promise<ReasonV1[]> {
    const reasons: ReasonV1[] = [];
    for (const manifest of await this.store.manifests(ids)) {
      const isNew = !this.named.has(manifest.id) && this.named.size < MOST_MANIFESTS && depth < DEEPEST;
      this.named.add(manifest.id);
      const because = isNew ? { because: await this.reasonsOf(manifest, depth + 1) } : {};
      reasons.push({ kind, digest: manifest.digest, ...because });
    }
    const last = reasons.at(-1);
    if (last) Object.assign(last, more(count - ids.length));
    return reasons;
  }
}

const WRONG = {
  missing: 'is missing',
  size: 'has another size',
  unreadable: 'cannot be read',
  rot: 'has other bytes',
};

function damageOf(blob: ExplainedBlob | null): ExplainedDamageV1 | null {
  if (!blob?.damage) return null;
  const { reason, firstSeen, isQuarantined } = blob.damage;
  const advice = isQuarantined
    ? `its object ${WRONG[reason]}, and pulls of it are 404: push an image that has it again, or bring the object back that berth gc quarantine names`
    : `its object ${WRONG[reason]}, as it seems: it is looked at again before that is believed; a push of an image that has it repairs it now`;
  return { state: isQuarantined ? 'quarantined' : 'suspected', reason, firstSeen: firstSeen.toISOString(), advice };
}

const queued = ({ notBefore, ...object }: QueuedObject) => ({
  ...object,
  notBefore: notBefore.toISOString(),
  advice: object.lastError === null ? null : 'storage cannot delete it: look at the object store; it is tried again',
});

const isKept = ({ tags, indexes, subject, policy }: ExplainedManifest): boolean =>
  tags.count > 0 || indexes.count > 0 || subject !== null || policy === 'keep';

const inFuture = (time: Date | null, now: Date): string | null => (time && time > now ? time.toISOString() : null);

const more = (count: number): { more?: number } => (count > 0 ? { more: count } : {});
