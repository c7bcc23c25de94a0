import { BLOB_NAMES, type BlobName, BLOBS, MANIFEST_NAMES, type ManifestName, MANIFESTS } from './content.js';

/** All in seconds. Time passes in whole HOURs: no date that these give is ever near another one. */
export const HOUR = 1000;
export const LEASE = 2500;
export const AGES = [0, 1500, 5200] as const;

/** How long something stays that nothing needs any more, in seconds: a link, and then its object. */
export interface ModelTiming {
  grace: number;
  pullWindow: number;
}

export type Policy = 'keep' | (typeof AGES)[number];

/** When its protection ends, or ended. */
export interface ModelLink {
  until: number;
}

/** `until`: when it is reviewed; null: it was settled. `released`: since when its age counts. */
export interface ModelManifest {
  until: number | null;
  released: number;
}

export class ModelRepository {
  readonly links = new Map<BlobName, ModelLink>();
  readonly manifests = new Map<ManifestName, ModelManifest>();
  readonly tags = new Map<string, ManifestName>();
  policy: Policy | null = null;

  isReferenced(blob: BlobName): boolean {
    return [...this.manifests.keys()].some((name) => MANIFESTS[name].blobs.includes(blob));
  }

  isListed(manifest: ManifestName): boolean {
    return [...this.manifests.keys()].some((name) => MANIFESTS[name].children.includes(manifest));
  }

  isInUse(manifest: ManifestName): boolean {
    const { subject } = MANIFESTS[manifest];
    const isTagged = [...this.tags.values()].includes(manifest);
    return isTagged || this.isListed(manifest) || (subject !== null && this.manifests.has(subject));
  }

  referrersOf(manifest: ManifestName): ManifestName[] {
    return [...this.manifests.keys()].filter((name) => MANIFESTS[name].subject === manifest);
  }

  /** Whether a push of the manifest finds all that it refers to. */
  hasPartsOf(manifest: ManifestName): boolean {
    const { blobs, children } = MANIFESTS[manifest];
    return blobs.every((name) => this.links.has(name)) && children.every((name) => this.manifests.has(name));
  }

  get bytes(): number {
    const links = [...this.links.keys()].map((name) => BLOBS[name].size);
    return [...links, ...[...this.manifests.keys()].map((name) => MANIFESTS[name].manifest.size)].reduce(
      (sum, size) => sum + size,
      0,
    );
  }
}

/**
 * What docs/garbage-collection.md promises, and nothing of how it is done: one clock, a few maps. What a client does gives
 * the status that it must be answered.
 */
export class RegistryModel {
  /** Seconds since the history began. */
  now = 0;
  policy: Policy | null = null;
  readonly repositories = new Map<string, ModelRepository>();
  readonly uploads: { repository: string; blob: BlobName }[] = [];
  /** Whose policy changed, so that what it concerns is to be reviewed; null: the organisation's. */
  private changed: (string | null)[] = [];

  constructor(readonly timing: ModelTiming) {}

  at(repository: string): ModelRepository {
    return this.repositories.get(repository) ?? new ModelRepository();
  }

  policyOf(repository: ModelRepository): Policy {
    return repository.policy ?? this.policy ?? 'keep';
  }

  hasBlob(blob: BlobName): boolean {
    return [...this.repositories.values()].some(({ links }) => links.has(blob));
  }

  passHours(hours: number): void {
    this.now += hours * HOUR;
  }

  pushBlob(repository: string, blob: BlobName): number {
    const { links } = this.made(repository);
    links.set(blob, { until: this.leased(links.get(blob)?.until ?? null) });
    return 201;
  }

  mount(repository: string, blob: BlobName, from: string): number {
    return this.at(from).links.has(blob) ? this.pushBlob(repository, blob) : 202;
  }

  headBlob(repository: string, blob: BlobName): number {
    const there = this.at(repository);
    const link = there.links.get(blob);
    if (!link) return 404;
    if (!there.isReferenced(blob) && link.until < this.now + LEASE / 2) link.until = this.leased(link.until);
    return 200;
  }

  deleteBlob(repository: string, blob: BlobName): number {
    const there = this.at(repository);
    if (!there.links.has(blob)) return 404;
    if (there.isReferenced(blob)) return 405;
    there.links.delete(blob);
    return 202;
  }

  putManifest(repository: string, name: ManifestName, tag: string | null): number {
    const there = this.at(repository);
    if (!there.hasPartsOf(name)) return 400;
    const manifest = there.manifests.get(name) ?? { until: null, released: this.now };
    manifest.released = this.now;
    if (tag === null) manifest.until = this.leased(manifest.until);
    there.manifests.set(name, manifest);
    if (tag === null) return 201;
    const before = there.tags.get(tag);
    there.tags.set(tag, name);
    if (before !== undefined && before !== name) this.letGo(there, before);
    return 201;
  }

  /** A HEAD or a GET by digest, of somebody who may push. */
  readManifest(repository: string, name: ManifestName): number {
    const there = this.at(repository);
    const manifest = there.manifests.get(name);
    if (!manifest) return 404;
    const isShort = manifest.until === null || manifest.until < this.now + LEASE / 2;
    if (isShort && !there.isInUse(name)) manifest.until = this.leased(manifest.until);
    return 200;
  }

  deleteTag(repository: string, tag: string): number {
    const there = this.at(repository);
    const named = there.tags.get(tag);
    if (named === undefined) return 404;
    there.tags.delete(tag);
    this.letGo(there, named);
    return 202;
  }

  deleteManifest(repository: string, name: ManifestName): number {
    const there = this.at(repository);
    if (!there.manifests.has(name)) return 404;
    if (there.isListed(name)) return 405;
    this.remove(there, name);
    return 202;
  }

  /** False where it is not there, or has a tag. */
  deleteRepository(repository: string): boolean {
    const there = this.repositories.get(repository);
    if (!there || there.tags.size > 0) return false;
    this.repositories.delete(repository);
    this.changed = this.changed.filter((owner) => owner !== repository);
    return true;
  }

  /** False where there is no such repository; null means the organisation. */
  setPolicy(repository: string | null, policy: Policy | null): boolean {
    const owner = repository === null ? this : this.repositories.get(repository);
    if (!owner) return false;
    if (owner.policy !== policy) this.changed.push(repository);
    owner.policy = policy;
    return true;
  }

  /** What a changed policy concerns is due for review; what an older one put off for long comes again after a lease. */
  followPolicies(): void {
    for (const owner of this.changed) {
      for (const [name, there] of this.repositories) {
        if ((owner !== null && owner !== name) || this.policyOf(there) === 'keep') continue;
        for (const [manifest, state] of there.manifests) {
          if (there.isInUse(manifest)) continue;
          state.until = state.until === null ? this.now : Math.min(state.until, this.now + LEASE);
        }
      }
    }
    this.changed = [];
  }

  reviewManifest(there: ModelRepository, name: ManifestName): void {
    const manifest = there.manifests.get(name)!;
    if (!this.isDue(manifest)) return;
    const policy = this.policyOf(there);
    if (there.isInUse(name) || policy === 'keep') manifest.until = null;
    else if (manifest.released + policy > this.now) manifest.until = manifest.released + policy;
    else this.remove(there, name);
  }

  reviewLink(there: ModelRepository, blob: BlobName): void {
    if (!there.isReferenced(blob) && there.links.get(blob)!.until + this.timing.grace <= this.now)
      there.links.delete(blob);
  }

  /** Everything that is due, until nothing is. */
  collect(): void {
    this.followPolicies();
    for (const there of this.repositories.values()) {
      const due = () => [...there.manifests].find(([, manifest]) => this.isDue(manifest));
      for (let next = due(); next; next = due()) this.reviewManifest(there, next[0]);
      for (const blob of [...there.links.keys()]) this.reviewLink(there, blob);
    }
  }

  /** What an operator is told of a blob or a manifest: a line for each place. */
  explain(name: BlobName | ManifestName): string[] {
    const places = [...this.repositories].flatMap(([repository, there]) => {
      const goes = there.links.has(name as BlobName)
        ? this.blobGoes(there, name as BlobName)
        : there.manifests.has(name as ManifestName)
          ? this.manifestGoes(there, name as ManifestName)
          : undefined;
      if (goes === undefined) return [];
      const when = goes === null ? 'is kept' : `goes after ${Math.max(0, goes - this.now)} seconds`;
      return [`${name} in ${repository} ${when}`];
    });
    return places.sort();
  }

  /** All that the registry must have, and no more, a line for each thing. */
  describe(): string[] {
    const lines = [...this.repositories].flatMap(([name, { links, manifests, tags, bytes }]) => [
      ...[...links.keys()].map((blob) => `${name} has blob ${blob}`),
      ...[...manifests.keys()].map((manifest) => `${name} has manifest ${manifest}`),
      ...[...tags].map(([tag, manifest]) => `${name} has tag ${tag} of ${manifest}`),
      `${name} counts ${tags.size} tags and ${bytes} bytes`,
    ]);
    const all = [...this.repositories.values()];
    const tags = all.reduce((sum, there) => sum + there.tags.size, 0);
    const bytes = all.reduce((sum, there) => sum + there.bytes, 0);
    const rows = BLOB_NAMES.filter((name) => this.hasBlob(name)).map((name) => `blob ${name}`);
    return [
      ...lines,
      ...rows,
      `the organisation counts ${all.length} repositories, ${tags} tags and ${bytes} bytes`,
    ].sort();
  }

  /** Takes over what a registry has, of which nothing is protected any more. */
  adopt(
    repositories: Map<string, { blobs: BlobName[]; manifests: ManifestName[]; tags: [string, ManifestName][] }>,
  ): void {
    this.repositories.clear();
    for (const [name, { blobs, manifests, tags }] of repositories) {
      const there = this.made(name);
      for (const blob of blobs) there.links.set(blob, { until: this.now });
      for (const manifest of manifests) there.manifests.set(manifest, { until: this.now, released: this.now });
      for (const [tag, manifest] of tags) there.tags.set(tag, manifest);
    }
  }

  private blobGoes(there: ModelRepository, blob: BlobName): number | null {
    return there.isReferenced(blob) ? null : there.links.get(blob)!.until + this.timing.grace;
  }

  private manifestGoes(there: ModelRepository, name: ManifestName): number | null {
    const policy = this.policyOf(there);
    if (there.isInUse(name) || policy === 'keep') return null;
    const { until, released } = there.manifests.get(name)!;
    return Math.max(until ?? 0, released + policy);
  }

  private isDue({ until }: ModelManifest): boolean {
    return until !== null && until <= this.now;
  }

  private leased(until: number | null): number {
    return Math.max(until ?? 0, this.now + LEASE);
  }

  private letGo(there: ModelRepository, name: ManifestName): void {
    const manifest = there.manifests.get(name);
    if (!manifest) return;
    manifest.until = Math.max(manifest.until ?? 0, this.now);
    manifest.released = this.now;
  }

  private remove(there: ModelRepository, name: ManifestName): void {
    there.manifests.delete(name);
    for (const [tag, named] of [...there.tags]) if (named === name) there.tags.delete(tag);
    for (const blob of MANIFESTS[name].blobs) {
      const link = there.links.get(blob)!;
      link.until = Math.max(link.until, this.now);
    }
    for (const other of [...MANIFESTS[name].children, ...there.referrersOf(name)]) this.letGo(there, other);
  }

  private made(repository: string): ModelRepository {
    const there = this.at(repository);
    this.repositories.set(repository, there);
    return there;
  }
}

/** A manifest with all that it lists, what is listed first. */
export const wholeOf = (name: ManifestName): ManifestName[] => [...MANIFESTS[name].children.flatMap(wholeOf), name];

export const ALL_NAMES = [...BLOB_NAMES, ...MANIFEST_NAMES];
