// One client of the soak. Its tags and manifests are its own, so that it knows what must be there; repositories and layers
// are shared with all others, so that what one deletes another has just found there.
import { Holdings } from './holdings.mjs';
import { anImage, anIndex } from './images.mjs';
import { sha256, Violation } from './registry-calls.mjs';
import { FOUND_MANIFEST_MS, LEASED_MS } from './timing.mjs';

/** A few, so that they move often. */
const TAGS = 12;
const MOST_LAYERS = 5;
const MOST_CHILDREN = 3;

export class SoakClient {
  #made = 0;

  /**
   * `repositories`: kinds by name. What nothing uses stays in a `kept` one, goes by the policy in a `collected` one, and in a
   * `shared` one when some client deletes the repository. `own` is this client's, to be deleted by it alone.
   */
  constructor({ name, calls, repositories, own, layers, random, report }) {
    const kinds = new Map([...repositories, [own, 'kept']]);
    Object.assign(this, { name, calls, own, layers, random, report, kinds, repositories: [...kinds.keys()] });
    this.holdings = new Holdings(kinds);
  }

  /** One thing that clients do, by chance. Resolves with its name. */
  async step() {
    const chances = [
      [6, 'push', () => this.#pushAndTag(this.#repository(), this.#image())],
      [4, 'pull', () => this.#pull()],
      [1, 'pull a leftover', () => this.#pullLeftover()],
      [2, 'tag again', () => this.#tagAgain()],
      [2, 'HEAD, then PUT', () => this.#findAndTag()],
      [1, 'HEAD, then PUT index', () => this.#findAndList()],
      [2, 'delete tag', () => this.#deleteTag()],
      [2, 'delete manifest', () => this.#deleteManifest()],
      [1, 'push index', () => this.#pushIndex()],
      [1, 'push referrer', () => this.#pushReferrer()],
      [1, 'push referrer before its subject', () => this.#pushReferrerFirst()],
      [0.5, 'leave upload', () => this.#leaveUpload()],
      [0.5, 'cancel upload', () => this.#cancelUpload()],
      [0.5, 'cut upload', () => this.calls.cutUpload(this.#repository(), this.#some(this.layers))],
      [0.3, 'delete own repository', () => this.#deleteRepository(this.own)],
      [0.3, 'delete shared repository', () => this.#deleteRepository(this.#shared())],
    ];
    let at = this.random() * chances.reduce((sum, [weight]) => sum + weight, 0);
    const [, name, run] = chances.find(([weight]) => (at -= weight) < 0);
    await run();
    return name;
  }

  /** One image in each repository, so that it is there. */
  async begin() {
    for (const repository of this.repositories) await this.#pushAndTag(repository, this.#image());
  }

  /** All that was acknowledged is there, byte for byte, and listed where it refers to something. Counts it. */
  async verifyAll() {
    const verified = { tags: 0, untagged: 0, referrers: 0, bytes: 0 };
    const tags = this.holdings.tags();
    for (const { repository, tag, image } of tags) verified.bytes += await this.#compare(repository, tag, image);
    verified.tags = tags.length;
    const tagged = new Set(tags.map(({ repository, image }) => `${repository} ${image.digest}`));
    for (const { repository, image } of this.holdings.manifests()) {
      if (!tagged.has(`${repository} ${image.digest}`)) {
        verified.bytes += await this.#compare(repository, image.digest, image);
        verified.untagged++;
      }
      if (image.subject === null) continue;
      await this.#expectReferrer(repository, image);
      verified.referrers++;
    }
    return verified;
  }

  /** What is left over and may be there all the same is whole. */
  async verifyLeftovers() {
    for (const { repository, image } of this.holdings.leftovers()) await this.#compareIfThere(repository, image);
  }

  /** Deletes all that it has, so that nothing of it should be left after collection. */
  async deleteAll() {
    for (const { repository, tag } of this.holdings.tags()) await this.#removeTag(repository, tag);
    for (const repository of this.repositories.filter((name) => name !== this.own)) {
      const known = [...this.holdings.manifests(repository), ...this.holdings.leftovers(repository)];
      let rest = new Map(known.map(({ image }) => [image.digest, image]));
      while (rest.size > 0) {
        const listed = new Set([...rest.values()].flatMap(({ images }) => images.map(({ digest }) => digest)));
        for (const digest of [...rest.keys()].filter((digest) => !listed.has(digest))) {
          const isHeld = this.holdings.isKnown(repository, digest);
          await this.calls.remove(repository, digest, { isHeld });
          this.holdings.remove(repository, rest.get(digest));
          rest.delete(digest);
        }
      }
    }
    await this.#removeOwn();
  }

  #image(subject) {
    const layers = Array.from({ length: 1 + Math.floor(this.random() * MOST_LAYERS) }, () => this.#some(this.layers));
    return anImage(layers, this.#about(), subject);
  }

  #about() {
    return { of: this.name, number: String(this.#made++) };
  }

  /** What it refers to first, then itself. Refused while all of that is protected is a violation. */
  async #push(repository, image, reference = image.digest) {
    for (;;) {
      let protectedUntil = Infinity;
      const until = (time) => (protectedUntil = Math.min(protectedUntil, time));
      for (const part of image.images) until((await this.#push(repository, part)) + LEASED_MS);
      for (const blob of image.blobs) until(await this.#pushBlob(repository, blob));
      const { isStored, sentAt } = await this.#put(repository, reference, image, protectedUntil);
      if (isStored) return sentAt;
    }
  }

  async #put(repository, reference, image, protectedUntil) {
    const answer = await this.calls.putManifest(repository, reference, image);
    if (answer.isStored) return answer;
    if (this.kinds.get(repository) === 'shared') this.report.vanished('PUT manifest');
    else if (performance.now() > protectedUntil) this.report.protectionOver++;
    else
      throw new Violation(`${repository}:${reference} was refused while all its parts were protected: ${answer.why}`);
    return answer;
  }

  /** As clients do: ask first, mount if it is somewhere else, upload if not. Gives until when it is protected. */
  async #pushBlob(repository, bytes) {
    const digest = sha256(bytes);
    const found = await this.calls.findBlob(repository, digest);
    if (found) return found;
    const from = this.#repository();
    if (this.holdings.hasBlob(repository, bytes))
      throw new Violation(`lost: ${repository}@${digest} is not there, a blob of what is`);
    const mounted = from !== repository && this.random() < 0.5 && (await this.calls.mount(repository, digest, from));
    return mounted || this.calls.upload(repository, bytes, { chunked: this.random() < 0.2 });
  }

  async #pushAndTag(repository, image) {
    const tag = await this.#tag(repository);
    await this.#push(repository, image, tag);
    await this.#holdTagged(repository, tag, image);
  }

  /** What was acknowledged is what is served. */
  async #holdTagged(repository, tag, image) {
    this.holdings.tag(repository, tag, image);
    await this.#compare(repository, tag, image);
  }

  async #hold(repository, image) {
    this.holdings.add(repository, image);
    await this.#compare(repository, image.digest, image);
  }

  async #pull() {
    const held = this.#some([...this.holdings.tags(), ...this.holdings.manifests()]);
    if (held) await this.#compare(held.repository, held.tag ?? held.image.digest, held.image);
  }

  async #pullLeftover() {
    const left = this.#some(this.holdings.leftovers());
    if (left) await this.#compareIfThere(left.repository, left.image);
  }

  async #tagAgain() {
    const held = this.#some(this.holdings.tags());
    if (!held) return;
    const { repository, image } = held;
    await this.#compare(repository, held.tag, image);
    const tag = await this.#tag(repository);
    const { isStored, why } = await this.#put(repository, tag, image, Infinity);
    if (!isStored) throw new Violation(`lost: ${repository}:${held.tag} could not be tagged again: ${why}`);
    await this.#holdTagged(repository, tag, image);
  }

  /** A rollback: what was perhaps let go of long ago gets a tag, without a look at its blobs. */
  async #findAndTag() {
    const held = this.#some([...this.holdings.manifests(), ...this.holdings.leftovers()]);
    if (!held) return;
    const { repository, image } = held;
    const tag = await this.#tag(repository);
    const found = await this.#find(repository, image);
    const isTagged = found > 0 && (await this.#put(repository, tag, image, found + FOUND_MANIFEST_MS)).isStored;
    if (!isTagged) await this.#push(repository, image, tag);
    await this.#holdTagged(repository, tag, image);
  }

  /** An index of what a HEAD has found, as of images that were built long ago. */
  async #findAndList() {
    const repository = this.#repository();
    const known = [...this.holdings.manifests(repository), ...this.holdings.leftovers(repository)].filter(({ image }) =>
      image.images.every((part) => part.images.length === 0),
    );
    const wanted = new Map();
    for (let n = 0; n < MOST_CHILDREN && known.length > 0; n++) {
      const { image } = this.#some(known);
      wanted.set(image.digest, image);
    }
    const tag = await this.#tag(repository);
    const images = [];
    let foundAt = Infinity;
    for (const image of wanted.values()) {
      const found = await this.#find(repository, image);
      if (!found) continue;
      images.push(image);
      foundAt = Math.min(foundAt, found);
    }
    if (images.length === 0) return;
    const index = anIndex(images, this.#about());
    const { isStored } = await this.#put(repository, tag, index, foundAt + FOUND_MANIFEST_MS);
    if (isStored) await this.#holdTagged(repository, tag, index);
  }

  /** When the HEAD was sent that found it; 0 where it is gone, which must be allowed. */
  async #find(repository, image) {
    const found = await this.calls.findManifest(repository, image.digest);
    if (!found && this.holdings.isKnown(repository, image.digest))
      throw new Violation(`lost: ${repository}@${image.digest} is not there`);
    return found;
  }

  async #deleteTag() {
    const held = this.#some(this.holdings.tags());
    if (!held) return;
    const { repository, tag, image } = held;
    await this.#compare(repository, tag, image);
    await this.#removeTag(repository, tag);
    if ((await this.calls.manifest(repository, tag)) !== null)
      throw new Violation(`${repository}:${tag} is there after its deletion`);
  }

  /** Its tags go with it; refused while an index lists it. */
  async #deleteManifest() {
    const held = this.#some(this.holdings.manifests());
    if (!held) return;
    const { repository, image } = held;
    await this.#compare(repository, image.digest, image);
    const listed = this.holdings.isListed(repository, image.digest);
    const isGone = await this.calls.remove(repository, image.digest, { refused: listed !== 'no' });
    if (isGone && listed === 'surely')
      throw new Violation(`${repository}@${image.digest} could be deleted from its index`);
    if (isGone) this.holdings.remove(repository, image);
  }

  async #pushIndex() {
    await this.#pushAndTag(this.#repository(), anIndex([this.#image(), this.#image()], this.#about()));
  }

  async #pushReferrer() {
    const held = this.#some(this.holdings.tags());
    if (!held) return;
    const { repository, image: subject } = held;
    const referrer = this.#image(subject);
    await this.#push(repository, referrer);
    await this.#hold(repository, referrer);
    await this.#expectReferrer(repository, referrer);
  }

  /** Protected until its subject comes, as long as a lease. Should that take longer, it is pushed again. */
  async #pushReferrerFirst() {
    const repository = this.#repository();
    const subject = this.#image();
    const referrer = this.#image(subject);
    const sentAt = await this.#push(repository, referrer);
    await this.#pushAndTag(repository, subject);
    if ((await this.calls.findManifest(repository, referrer.digest)) === 0) {
      const isProtected = performance.now() < sentAt + LEASED_MS;
      if (isProtected && this.kinds.get(repository) !== 'shared')
        throw new Violation(`lost: the referrer ${repository}@${referrer.digest}, while it was protected`);
      if (isProtected) this.report.vanished('referrer');
      else this.report.protectionOver++;
      await this.#push(repository, referrer);
    }
    await this.#hold(repository, referrer);
    await this.#expectReferrer(repository, referrer);
  }

  async #expectReferrer(repository, { digest, subject }) {
    if (!(await this.calls.referrers(repository, subject)).includes(digest))
      throw new Violation(`lost: ${repository}@${digest} is not among the referrers of ${subject}`);
  }

  async #leaveUpload() {
    const session = await this.calls.startUpload(this.#repository());
    if (this.random() < 0.5) await this.calls.patch(session, this.#some(this.layers));
  }

  async #cancelUpload() {
    const session = await this.calls.startUpload(this.#repository());
    const next = await this.calls.patch(session, this.#some(this.layers));
    if (next !== null) await this.calls.cancel(next);
  }

  /** Only what has no tags goes: one that another client has tags in stays as it is. */
  async #deleteRepository(repository) {
    for (const { tag } of this.holdings.tags(repository)) await this.#removeTag(repository, tag);
    const had = [...this.holdings.manifests(repository), ...this.holdings.leftovers(repository)];
    if (repository === this.own) await this.#removeOwn();
    else if (!(await this.calls.removeRepository(repository, { refused: true, isHeld: false }))) return;
    this.holdings.forget(repository);
    for (const { image } of had) {
      if ((await this.calls.manifest(repository, image.digest)) !== null)
        throw new Violation(`${repository}@${image.digest} is there after the deletion of its repository`);
    }
  }

  async #removeTag(repository, tag) {
    await this.calls.remove(repository, tag);
    this.holdings.untag(repository, tag);
  }

  /** It is not there where it has been deleted and nothing has been pushed since. */
  #removeOwn() {
    return this.calls.removeRepository(this.own, { isHeld: this.holdings.manifests(this.own).length > 0 });
  }

  async #compare(repository, reference, image) {
    const read = await this.#read(repository, reference, image);
    if (read.missing) throw new Violation(`lost: ${read.missing} is not there, of ${repository} ${reference}`);
    return read.bytes;
  }

  /** What is served is whole, unless it goes meanwhile. */
  async #compareIfThere(repository, image) {
    const read = await this.#read(repository, image.digest, image);
    if (!read.missing || read.missing === image.digest) return;
    if ((await this.calls.manifest(repository, image.digest)) !== null)
      throw new Violation(`lost: ${read.missing} is not there, of ${repository} ${image.digest}, which is served`);
  }

  /** Everything of an image: how many bytes, or which of its parts is `missing`. */
  async #read(repository, reference, image) {
    const found = await this.calls.manifest(repository, reference);
    if (found === null) return { missing: image.digest };
    if (!found.equals(image.bytes)) throw new Violation(`lost: ${repository}:${reference} is another manifest`);
    let bytes = found.length;
    for (const blob of image.blobs) {
      const digest = sha256(blob);
      const got = await this.calls.blob(repository, digest);
      if (got === null) return { missing: digest };
      if (!got.equals(blob)) throw new Violation(`lost: ${digest} of ${repository}:${reference} is other bytes`);
      bytes += got.length;
    }
    for (const part of image.images) {
      const read = await this.#read(repository, part.digest, part);
      if (read.missing) return read;
      bytes += read.bytes;
    }
    return { bytes };
  }

  #shared() {
    return this.#some(this.repositories.filter((repository) => this.kinds.get(repository) === 'shared'));
  }

  #repository() {
    return this.#some(this.repositories);
  }

  /** One to move. What it names is compared, before it is let go. */
  async #tag(repository) {
    const tag = `${this.name}-${Math.floor(this.random() * TAGS)}`;
    const named = this.holdings.named(repository, tag);
    if (named) await this.#compare(repository, tag, named);
    return tag;
  }

  #some(choices) {
    return choices[Math.floor(this.random() * choices.length)];
  }
}
