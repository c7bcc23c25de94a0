// One client of the soak. Its tags are its own, so that it knows what each must name; repositories and layers are shared
// with all others, so that what one deletes another has just found there.
import { sha256, Violation } from './registry-calls.mjs';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

const json = (value) => Buffer.from(JSON.stringify(value));

export class SoakClient {
  /** What was acknowledged: `repository:tag` to the image, whose parts are all there to be compared. */
  #tags = new Map();
  #made = 0;

  constructor({ name, calls, repositories, layers, random }) {
    Object.assign(this, { name, calls, repositories, layers, random });
  }

  /** One thing that clients do, by chance. Resolves with its name. */
  async step() {
    const chances = [
      [6, 'push', () => this.#push(this.#some(this.repositories), this.#image())],
      [4, 'pull', () => this.#pull()],
      [2, 'tag again', () => this.#tagAgain()],
      [2, 'delete tag', () => this.#deleteTag()],
      [2, 'delete manifest', () => this.#deleteManifest()],
      [1, 'push index', () => this.#pushIndex()],
      [1, 'push referrer', () => this.#pushReferrer()],
      [1, 'abandon upload', () => this.#abandon()],
    ];
    let at = this.random() * chances.reduce((sum, [weight]) => sum + weight, 0);
    const [, name, run] = chances.find(([weight]) => (at -= weight) < 0);
    await run();
    return name;
  }

  /** Everything that was acknowledged is there, byte for byte. Resolves with how many tags and bytes were compared. */
  async verifyAll() {
    let bytes = 0;
    for (const [key, image] of this.#tags) bytes += await this.#compare(...split(key), image);
    return { tags: this.#tags.size, bytes };
  }

  /** Deletes all that it has, so that nothing of it should be left after collection. */
  async deleteAll() {
    for (const key of [...this.#tags.keys()]) {
      const [repository, tag] = split(key);
      const image = this.#tags.get(key);
      await this.calls.remove(repository, tag);
      this.#tags.delete(key);
      if (!this.#isTagged(repository, image.digest)) await this.#removeWhole(repository, image);
    }
  }

  #image() {
    const layers = Array.from({ length: 1 + Math.floor(this.random() * 5) }, () => this.#some(this.layers));
    const config = json({ architecture: 'amd64', os: 'linux', of: this.name, number: this.#made++ });
    const describe = (mediaType) => (bytes) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
    const manifest = json({
      schemaVersion: 2,
      mediaType: IMAGE,
      config: describe(CONFIG)(config),
      layers: layers.map(describe(LAYER)),
    });
    return { bytes: manifest, mediaType: IMAGE, digest: sha256(manifest), blobs: [config, ...layers], images: [] };
  }

  async #push(repository, image, reference = this.#tag()) {
    await this.#pushBlobs(repository, image.blobs);
    await this.calls.putManifest(repository, reference, image);
    if (reference !== image.digest) this.#tags.set(`${repository}:${reference}`, image);
    return reference;
  }

  /** As clients do: ask first, mount if it is somewhere else, upload if not. */
  async #pushBlobs(repository, blobs) {
    for (const bytes of blobs) {
      const digest = sha256(bytes);
      if (await this.calls.hasBlob(repository, digest)) continue;
      const from = this.#some(this.repositories);
      if (from !== repository && this.random() < 0.5 && (await this.calls.mount(repository, digest, from))) continue;
      await this.calls.upload(repository, bytes);
    }
  }

  async #pull() {
    const key = this.#some([...this.#tags.keys()]);
    if (key) await this.#compare(...split(key), this.#tags.get(key));
  }

  async #tagAgain() {
    const key = this.#some([...this.#tags.keys()]);
    if (!key) return;
    const [repository] = split(key);
    const image = this.#tags.get(key);
    const tag = this.#tag();
    await this.calls.putManifest(repository, tag, image);
    this.#tags.set(`${repository}:${tag}`, image);
  }

  async #deleteTag() {
    const key = this.#some([...this.#tags.keys()]);
    if (!key) return;
    const [repository, tag] = split(key);
    await this.calls.remove(repository, tag);
    this.#tags.delete(key);
    if ((await this.calls.manifest(repository, tag)) !== null)
      throw new Violation(`${key} is there after its deletion`);
  }

  /** Its tags go with it. */
  async #deleteManifest() {
    const key = this.#some([...this.#tags.keys()]);
    if (!key) return;
    const [repository] = split(key);
    const image = this.#tags.get(key);
    for (const [other, named] of this.#tags) {
      if (named.digest === image.digest && split(other)[0] === repository) this.#tags.delete(other);
    }
    await this.#removeWhole(repository, image);
  }

  async #removeWhole(repository, image) {
    await this.calls.remove(repository, image.digest);
    for (const part of image.images) await this.calls.remove(repository, part.digest);
  }

  async #pushIndex() {
    const repository = this.#some(this.repositories);
    const images = [this.#image(), this.#image()];
    for (const image of images) await this.#push(repository, image, image.digest);
    const bytes = json({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: images.map((image) => ({ mediaType: IMAGE, digest: image.digest, size: image.bytes.length })),
    });
    await this.#push(repository, { bytes, mediaType: INDEX, digest: sha256(bytes), blobs: [], images });
  }

  async #pushReferrer() {
    const key = this.#some([...this.#tags.keys()]);
    if (!key) return;
    const [repository] = split(key);
    const subject = this.#tags.get(key);
    const plain = this.#image();
    const bytes = json({
      ...JSON.parse(plain.bytes),
      artifactType: 'application/vnd.example.soak',
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
    });
    await this.#push(repository, { ...plain, bytes, digest: sha256(bytes) });
  }

  /** An upload that is begun and left. */
  async #abandon() {
    await this.calls.call('start', 'POST', `/v2/${this.#some(this.repositories)}/blobs/uploads/`, [202]);
  }

  async #compare(repository, reference, image) {
    const found = await this.calls.manifest(repository, reference);
    if (found === null) throw new Violation(`lost: ${repository}:${reference} is not there`);
    if (!found.equals(image.bytes)) throw new Violation(`lost: ${repository}:${reference} is another manifest`);
    let bytes = found.length;
    for (const blob of image.blobs) {
      const got = await this.calls.blob(repository, sha256(blob));
      if (!got.equals(blob)) throw new Violation(`lost: ${sha256(blob)} of ${repository}:${reference} is other bytes`);
      bytes += got.length;
    }
    for (const part of image.images) bytes += await this.#compare(repository, part.digest, part);
    return bytes;
  }

  #isTagged(repository, digest) {
    return [...this.#tags].some(([key, image]) => image.digest === digest && split(key)[0] === repository);
  }

  /** A few, so that they move often. */
  #tag() {
    return `${this.name}-${Math.floor(this.random() * 12)}`;
  }

  #some(choices) {
    return choices[Math.floor(this.random() * choices.length)];
  }
}

function split(key) {
  const at = key.lastIndexOf(':');
  return [key.slice(0, at), key.slice(at + 1)];
}
