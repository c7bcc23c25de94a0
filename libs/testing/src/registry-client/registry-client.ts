import { digestOf, MEDIA_TYPE, type Blob } from '../images/blob.js';
import { blobsOf, type Image, type Index } from '../images/image.js';
import type { Manifest } from '../images/manifest.js';
import { exchange, type HttpAnswer, type HttpRequest } from './http-exchange.js';
import { basic, parseChallenge, requestToken, type Credentials } from './token-flow.js';
import { UploadSession, type PushForm } from './upload-session.js';

export interface CallOptions {
  query?: Record<string, string | number | readonly string[]>;
  headers?: Record<string, string>;
  body?: HttpRequest['body'];
  /** More scopes than the method and name of the call need, such as pull on the source of a mount. */
  scopes?: readonly string[];
  /** A token to send instead of one that is asked for; `null` sends none. */
  token?: string | null;
}

export interface PulledImage {
  manifest: Manifest;
  /** Config and layers by digest. */
  blobs: Map<string, Buffer>;
}

const ALL_MANIFESTS = [
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.dockerList,
].join(', ');

/**
 * Speaks the distribution protocol one request at a time. Calls named after a request give the answer back whatever it
 * is; push... and pull... go through a whole exchange and fail when the registry refuses.
 */
export class RegistryClient {
  private readonly known = new Map<string, Promise<unknown>>();

  constructor(
    /** `http://host:port` */
    readonly base: string,
    private readonly credentials?: Credentials,
  ) {}

  ping(options: CallOptions = {}): Promise<HttpAnswer> {
    return this.call('GET', '/v2/', [], options);
  }

  headBlob(name: string, digest: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.inRepository('HEAD', name, `blobs/${digest}`, options);
  }

  getBlob(name: string, digest: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.inRepository('GET', name, `blobs/${digest}`, options);
  }

  deleteBlob(name: string, digest: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.inRepository('DELETE', name, `blobs/${digest}`, options);
  }

  /** The POST that starts an upload, and with `mount` or `digest` in the query may finish it at once. */
  postUpload(name: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.inRepository('POST', name, 'blobs/uploads/', options);
  }

  /** An upload that was started, for PATCH, PUT, GET and DELETE on its location. */
  async startUpload(name: string): Promise<UploadSession> {
    const answer = (await this.postUpload(name)).expect(202);
    return new UploadSession(this, name, answer.header('location') ?? '');
  }

  mountBlob(name: string, digest: string, from: string): Promise<HttpAnswer> {
    return this.postUpload(name, { query: { mount: digest, from }, scopes: [`repository:${from}:pull`] });
  }

  putManifest(name: string, reference: string, manifest: Manifest, options: CallOptions = {}): Promise<HttpAnswer> {
    const headers = { 'content-type': manifest.mediaType, ...options.headers };
    return this.inRepository('PUT', name, `manifests/${reference}`, { body: manifest.bytes, ...options, headers });
  }

  getManifest(name: string, reference: string, options: CallOptions = {}): Promise<HttpAnswer> {
    const headers = { accept: ALL_MANIFESTS, ...options.headers };
    return this.inRepository('GET', name, `manifests/${reference}`, { ...options, headers });
  }

  headManifest(name: string, reference: string, options: CallOptions = {}): Promise<HttpAnswer> {
    const headers = { accept: ALL_MANIFESTS, ...options.headers };
    return this.inRepository('HEAD', name, `manifests/${reference}`, { ...options, headers });
  }

  deleteManifest(name: string, reference: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.inRepository('DELETE', name, `manifests/${reference}`, options);
  }

  listTags(name: string, query: { n?: number | string; last?: string } = {}): Promise<HttpAnswer> {
    return this.inRepository('GET', name, 'tags/list', { query });
  }

  referrers(
    name: string,
    digest: string,
    query: { artifactType?: string; n?: number | string; last?: string } = {},
  ): Promise<HttpAnswer> {
    return this.inRepository('GET', name, `referrers/${digest}`, { query });
  }

  catalog(query: { n?: number | string; last?: string } = {}, method = 'GET'): Promise<HttpAnswer> {
    return this.call(method, '/v2/_catalog', ['registry:catalog:*'], { query });
  }

  /** Any request below a repository, with the rights that its method needs. */
  inRepository(method: string, name: string, rest: string, options: CallOptions = {}): Promise<HttpAnswer> {
    return this.call(method, `/v2/${name}/${rest}`, [scopeOf(method, name)], options);
  }

  /** Any request: a path of this registry or a whole URL. */
  async call(method: string, path: string, scopes: readonly string[], options: CallOptions = {}): Promise<HttpAnswer> {
    const url = new URL(path, this.base);
    for (const [key, value] of Object.entries(options.query ?? {})) {
      for (const item of [value].flat()) if (item !== undefined) url.searchParams.append(key, String(item));
    }
    const token =
      options.token === undefined ? await this.tokenFor([...scopes, ...(options.scopes ?? [])]) : options.token;
    const headers = { ...(token && { authorization: token }), ...options.headers };
    return exchange({ method, url: url.href, headers, body: options.body });
  }

  /** Pushes a blob in one of the protocol's forms. */
  async pushBlob(name: string, blob: Blob, form: PushForm = 'post-put', chunkSize = 1 << 20): Promise<void> {
    if (form === 'single-post') {
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await this.postUpload(name, { query: { digest: blob.digest }, headers, body: blob.bytes });
      if (answer.expect(201, 202).status === 201) return;
      const session = new UploadSession(this, name, answer.header('location') ?? '');
      (await session.finish(blob.digest, blob.bytes)).expect(201);
      return;
    }
    const session = await this.startUpload(name);
    await session.send(blob, form, chunkSize);
  }

  async pushManifest(name: string, manifest: Manifest, reference: string = manifest.digest): Promise<void> {
    (await this.putManifest(name, reference, manifest)).expect(201);
  }

  /** Pushes an image, or an index with its images (those by digest), as clients do: blobs first, tag last. */
  async push(name: string, content: Image | Index, reference?: string): Promise<void> {
    if ('images' in content) {
      for (const image of content.images) await this.push(name, image);
    } else {
      for (const blob of blobsOf(content)) {
        if ((await this.headBlob(name, blob.digest)).status !== 200) await this.pushBlob(name, blob);
      }
    }
    await this.pushManifest(name, content.manifest, reference);
  }

  /** Pulls an image and fails unless every byte is as in `expected`. */
  async pullAndCompare(name: string, reference: string, expected: Image | Index): Promise<void> {
    const manifest = (await this.getManifest(name, reference)).expect(200);
    assertSame(`manifest ${name}:${reference}`, manifest.bytes, expected.manifest.bytes);
    assertSame('Content-Type', manifest.header('content-type'), expected.manifest.mediaType);
    assertSame('Docker-Content-Digest', manifest.header('docker-content-digest'), expected.manifest.digest);
    if ('images' in expected) {
      for (const image of expected.images) await this.pullAndCompare(name, image.manifest.digest, image);
      return;
    }
    for (const blob of blobsOf(expected)) {
      const answer = (await this.getBlob(name, blob.digest)).expect(200);
      assertSame(`blob ${blob.digest}`, answer.bytes, blob.bytes);
    }
  }

  /** Pulls whatever image is there: manifest, config and layers, each with the digest that it was asked for by. */
  async pull(name: string, reference: string): Promise<PulledImage> {
    const answer = (await this.getManifest(name, reference)).expect(200);
    const { config, layers } = answer.json<{ config: Blob; layers: Blob[] }>();
    const blobs = new Map<string, Buffer>();
    for (const { digest } of [config, ...layers]) {
      const { bytes } = (await this.getBlob(name, digest)).expect(200);
      assertSame(`the digest of blob ${digest}`, digestOf(bytes), digest);
      blobs.set(digest, bytes);
    }
    const mediaType = answer.header('content-type') ?? '';
    const digest = digestOf(answer.bytes);
    assertSame('Docker-Content-Digest', answer.header('docker-content-digest'), digest);
    return { manifest: { mediaType, digest, size: answer.bytes.length, bytes: answer.bytes }, blobs };
  }

  /** The Authorization header for these scopes; none where the registry does not ask for one. Asked for once. */
  async tokenFor(scopes: readonly string[]): Promise<string | null> {
    const challenge = await this.once('challenge', async () => {
      const answer = await exchange({ method: 'GET', url: new URL('/v2/', this.base).href });
      return parseChallenge(answer.expect(200, 401).header('www-authenticate'));
    });
    if (!challenge) return null;
    if (challenge.scheme === 'Basic') return this.credentials ? basic(this.credentials) : null;
    return this.once(scopes.join(' '), async () => {
      const { realm, service } = challenge;
      const answer = await requestToken({ realm, service, scopes, credentials: this.credentials });
      return `Bearer ${answer.expect(200).json<{ token: string }>().token}`;
    });
  }

  /** What was found out before, or finds it out; a failure is not kept. */
  private once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.known.get(key) as Promise<T> | undefined;
    if (known) return known;
    const asked = ask();
    this.known.set(key, asked);
    asked.catch(() => this.known.delete(key));
    return asked;
  }
}

function scopeOf(method: string, name: string): string {
  if (method === 'GET' || method === 'HEAD') return `repository:${name}:pull`;
  return `repository:${name}:${method === 'DELETE' ? 'delete' : 'pull,push'}`;
}

function assertSame(what: string, actual: Buffer | string | undefined, expected: Buffer | string): void {
  const same = Buffer.isBuffer(actual) && Buffer.isBuffer(expected) ? actual.equals(expected) : actual === expected;
  if (same) return;
  const show = (value: Buffer | string | undefined) =>
    Buffer.isBuffer(value) ? `${value.length} bytes` : String(value);
  throw new Error(`${what} differs from what was pushed: ${show(actual)} instead of ${show(expected)}`);
}
