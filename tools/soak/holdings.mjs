// What one client knows to be in the registry, since it was acknowledged and nobody else touches it; and what is left over
// of that: manifests that nothing uses, in repositories where those go.

export class Holdings {
  /** By repository: tags by name, and manifests by digest. */
  #tags = new Map();
  #manifests = new Map();
  #leftovers = new Map();

  /** `kinds` by repository; in all but `kept` ones what nothing uses may go. */
  constructor(kinds) {
    this.kinds = kinds;
    for (const repository of kinds.keys()) this.forget(repository);
  }

  forget(repository) {
    for (const known of [this.#tags, this.#manifests, this.#leftovers]) known.set(repository, new Map());
  }

  tag(repository, tag, image) {
    this.#tags.get(repository).set(tag, image);
    this.add(repository, image);
  }

  /** With the images that it lists. */
  add(repository, image) {
    for (const added of [image, ...partsOf(image)]) {
      this.#manifests.get(repository).set(added.digest, added);
      this.#leftovers.get(repository).delete(added.digest);
    }
    this.#settle(repository);
  }

  untag(repository, tag) {
    this.#tags.get(repository).delete(tag);
    this.#settle(repository);
  }

  /** Deleted by its digest, with its tags. */
  remove(repository, image) {
    const tags = this.#tags.get(repository);
    for (const [tag, named] of tags) if (named.digest === image.digest) tags.delete(tag);
    this.#manifests.get(repository).delete(image.digest);
    this.#leftovers.get(repository).delete(image.digest);
    this.#settle(repository);
  }

  /** `{ repository, tag, image }` */
  tags(only) {
    return entries(this.#tags, only).map(([repository, tag, image]) => ({ repository, tag, image }));
  }

  /** `{ repository, image }` of what must be there, tagged or not. */
  manifests(only) {
    return entries(this.#manifests, only).map(([repository, , image]) => ({ repository, image }));
  }

  /** `{ repository, image }` of what may be there. */
  leftovers(only) {
    return entries(this.#leftovers, only).map(([repository, , image]) => ({ repository, image }));
  }

  /** Leftovers that nothing can keep, in repositories where those are collected. */
  doomed() {
    const collected = [...this.kinds].filter(([, kind]) => kind === 'collected');
    return collected.flatMap(([repository]) => {
      const kept = this.#mayBeKept(repository);
      return this.leftovers(repository).filter(({ image }) => !kept.has(image.digest));
    });
  }

  /** What must be there, and of the leftovers what that may keep: a subject may have come back before its referrer went. */
  #mayBeKept(repository) {
    const leftovers = [...this.#leftovers.get(repository).values()];
    const kept = new Set(this.#manifests.get(repository).keys());
    for (let before = -1; before < kept.size;) {
      before = kept.size;
      for (const image of leftovers) {
        if (!kept.has(image.subject) && !kept.has(image.digest)) continue;
        for (const { digest } of [image, ...partsOf(image)]) kept.add(digest);
      }
    }
    return kept;
  }

  named(repository, tag) {
    return this.#tags.get(repository).get(tag);
  }

  /** Whether what must be there has this very blob. */
  hasBlob(repository, bytes) {
    return [...this.#manifests.get(repository).values()].some(({ blobs }) => blobs.includes(bytes));
  }

  isKnown(repository, digest) {
    return this.#manifests.get(repository).has(digest);
  }

  /** Whether an index lists it: `surely`, `perhaps`, or `no`. */
  isListed(repository, digest) {
    const lists = ({ images }) => images.some((image) => image.digest === digest);
    if ([...this.#manifests.get(repository).values()].some(lists)) return 'surely';
    return [...this.#leftovers.get(repository).values()].some(lists) ? 'perhaps' : 'no';
  }

  /** What nothing uses is a leftover now, and then what only that used. */
  #settle(repository) {
    if (this.kinds.get(repository) === 'kept') return;
    const [manifests, leftovers] = [this.#manifests.get(repository), this.#leftovers.get(repository)];
    const tagged = new Set([...this.#tags.get(repository).values()].map(({ digest }) => digest));
    const isUsed = ({ digest, subject }) =>
      tagged.has(digest) || manifests.has(subject) || this.isListed(repository, digest) === 'surely';
    for (let unused; (unused = [...manifests.values()].filter((image) => !isUsed(image))).length > 0;) {
      for (const image of unused) {
        manifests.delete(image.digest);
        leftovers.set(image.digest, image);
      }
    }
  }
}

const partsOf = ({ images }) => images.flatMap((part) => [part, ...partsOf(part)]);

const entries = (known, only) =>
  [...known]
    .filter(([repository]) => only === undefined || only === repository)
    .flatMap(([repository, named]) => [...named].map(([name, image]) => [repository, name, image]));
