// What a client of a registry does with images: pushes them, pushes them again with another layer, pulls them, asks for a tag.
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const ACCEPT = { accept: MANIFEST };

/** A blob in parts: unique content without the cost of making it. */
function blobOf(mediaType, ...parts) {
  const digest = `sha256:${parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')}`;
  return { mediaType, digest, size: parts.reduce((sum, part) => sum + part.length, 0), parts };
}

function imageOf(repository, tag, layers) {
  const config = blobOf(CONFIG, Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', repository, tag })));
  const describe = ({ mediaType, digest, size }) => ({ mediaType, digest, size });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: describe(config),
      layers: layers.map(describe),
    }),
  );
  return { repository, tag, blobs: [...layers, config], layers, manifest };
}

/** Images of their own layers, in ten repositories. The layers differ in their first bytes. */
export function makeImages(seed, count, layerBytes, layersOfEach = 1) {
  const rest = randomBytes(layerBytes - 64);
  const layer = (name) => blobOf(LAYER, Buffer.alloc(64, `${seed}-${name}`), rest);
  return Array.from({ length: count }, (_, n) =>
    imageOf(
      `bench/r${n % 10}`,
      `t${n}`,
      Array.from({ length: layersOfEach }, (_, of) => layer(`${n}-${of}`)),
    ),
  );
}

/** The next build of an image: its last layer and its config are others, its tag is the same. */
export function rebuilt({ repository, tag, layers }) {
  const [first, ...others] = layers.toReversed();
  const last = blobOf(LAYER, randomBytes(64), ...first.parts.slice(1));
  return imageOf(repository, tag, [...others.reverse(), last]);
}

export class ImageLoad {
  #dispatcher = new Agent({ bodyTimeout: 120_000 });

  /** With a `password`, of admin, each push and each pull begins with a token, as of clients that remember none. */
  constructor(url, { password } = {}) {
    this.url = url;
    this.password = password;
  }

  async #call(method, path, expected, { headers = {}, body, token } = {}) {
    const response = await request(new URL(path, this.url), {
      method,
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      body,
      dispatcher: this.#dispatcher,
    });
    if ([expected].flat().includes(response.statusCode)) return response;
    throw new Error(`${method} ${path}: ${response.statusCode} ${await response.body.text()}`);
  }

  async #dumped(...call) {
    const response = await this.#call(...call);
    await response.body.dump();
    return response;
  }

  /** Undefined where everybody may do everything. */
  async token(repository) {
    if (!this.password) return undefined;
    const authorization = `Basic ${Buffer.from(`admin:${this.password}`).toString('base64')}`;
    const scope = `repository:${repository}:pull,push`;
    const path = `/auth/token?service=berth&scope=${encodeURIComponent(scope)}`;
    const answer = await this.#call('GET', path, 200, { headers: { authorization } });
    return (await answer.body.json()).token;
  }

  async push({ repository, tag, blobs, manifest }) {
    const token = await this.token(repository);
    for (const blob of blobs) await this.#upload(repository, blob, token);
    await this.#putManifest(repository, tag, manifest, token);
  }

  /** As clients do where something may be there already: they ask for each blob first. */
  async pushWhatIsNew({ repository, tag, blobs, manifest }) {
    const token = await this.token(repository);
    for (const blob of blobs) {
      const found = await this.#dumped('HEAD', `/v2/${repository}/blobs/${blob.digest}`, [200, 404], { token });
      if (found.statusCode === 404) await this.#upload(repository, blob, token);
    }
    await this.#putManifest(repository, tag, manifest, token);
  }

  async pull({ repository, tag, blobs, manifest }) {
    const token = await this.token(repository);
    const head = await this.head({ repository, tag }, token);
    const path = `/v2/${repository}/manifests/${head.headers['docker-content-digest']}`;
    const got = await this.#call('GET', path, 200, { headers: ACCEPT, token });
    if (!Buffer.from(await got.body.arrayBuffer()).equals(manifest)) throw new Error('another manifest came back');
    for (const blob of blobs) {
      let length = 0;
      for await (const chunk of await this.blob({ repository }, blob, token)) length += chunk.length;
      if (length !== blob.size) throw new Error(`${length} bytes came back for ${blob.size}`);
    }
  }

  /** Its bytes as they come. */
  async blob({ repository }, { digest }, token) {
    return (await this.#call('GET', `/v2/${repository}/blobs/${digest}`, 200, { token })).body;
  }

  /** What a tag names: all that a node asks which has the image. */
  head({ repository, tag }, token) {
    return this.#dumped('HEAD', `/v2/${repository}/manifests/${tag}`, 200, { headers: ACCEPT, token });
  }

  async manifest({ repository, tag }) {
    await this.#dumped('GET', `/v2/${repository}/manifests/${tag}`, 200, { headers: ACCEPT });
  }

  close() {
    return this.#dispatcher.close();
  }

  async #upload(repository, { digest, size, parts }, token) {
    const started = await this.#dumped('POST', `/v2/${repository}/blobs/uploads/`, 202, { token });
    const location = new URL(started.headers.location, this.url);
    location.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) };
    const body = parts.length === 1 ? parts[0] : chunks(parts);
    await this.#dumped('PUT', location, 201, { headers, body, token });
  }

  async #putManifest(repository, tag, manifest, token) {
    const headers = { 'content-type': MANIFEST };
    await this.#dumped('PUT', `/v2/${repository}/manifests/${tag}`, 201, { headers, body: manifest, token });
  }
}

async function* chunks(parts) {
  yield* parts;
}

/** So many at a time. */
export async function forEachOf(images, concurrency, work) {
  const queue = [...images];
  const worker = async () => {
    for (let image = queue.pop(); image; image = queue.pop()) await work(image);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
