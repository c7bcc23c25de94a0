// The protocol, one request at a time, tried again while the registry is away: what a client of a cluster does.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** Longer than any outage that the soak makes. */
const GIVE_UP_MS = 90_000;
const PAUSE_MS = 200;
const AWAY = [429, 502, 503];

export const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** What the registry may not answer. */
export class Violation extends Error {}

export class RegistryCalls {
  #dispatcher = new Agent({ connections: 8, headersTimeout: 20_000, bodyTimeout: 20_000 });

  /** `report` hears of each request: its kind, how long it took, and what became of it. */
  constructor(url, report) {
    this.url = url;
    this.report = report;
  }

  /**
   * The first answer with one of `expected`. What says that the registry is away (503, or a connection that breaks) is tried
   * again; any other answer is a violation.
   */
  async call(kind, method, path, expected, { headers = {}, body } = {}) {
    for (const deadline = Date.now() + GIVE_UP_MS; ;) {
      const answer = await this.#once(kind, method, path, headers, body);
      if (answer.status !== undefined && expected.includes(answer.status)) return answer;
      const isAway = answer.status === undefined || AWAY.includes(answer.status);
      if (!isAway) {
        throw new Violation(
          `${method} ${path}: ${answer.status} where ${expected.join(' or ')} was expected: ${answer.bytes}`,
        );
      }
      if (Date.now() > deadline)
        throw new Violation(`${method} ${path}: away for ${GIVE_UP_MS / 1000} s: ${answer.why}`);
      await delay(PAUSE_MS);
    }
  }

  async #once(kind, method, path, headers, body) {
    const began = performance.now();
    try {
      const response = await request(new URL(path, this.url), { method, headers, body, dispatcher: this.#dispatcher });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      this.report(kind, performance.now() - began, response.statusCode);
      return { status: response.statusCode, headers: response.headers, bytes, why: `${response.statusCode} ${bytes}` };
    } catch (error) {
      this.report(kind, performance.now() - began, 'broken');
      return { why: error.message };
    }
  }

  async hasBlob(repository, digest) {
    const { status } = await this.call('HEAD blob', 'HEAD', `/v2/${repository}/blobs/${digest}`, [200, 404]);
    return status === 200;
  }

  /** True where it was mounted; otherwise the upload that was begun instead is cancelled. */
  async mount(repository, digest, from) {
    const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
    const { status, headers } = await this.call('mount', 'POST', path, [201, 202]);
    if (status === 202) await this.call('cancel', 'DELETE', pathOf(headers.location), [204, 404]);
    return status === 201;
  }

  /**
   * From the start again where it was cut: the session has then what came through of it, and the whole would be behind that.
   */
  async upload(repository, bytes) {
    const digest = sha256(bytes);
    for (const deadline = Date.now() + GIVE_UP_MS; ;) {
      const { headers } = await this.call('start', 'POST', `/v2/${repository}/blobs/uploads/`, [202]);
      const location = new URL(headers.location, this.url);
      location.searchParams.set('digest', digest);
      const type = { 'content-type': 'application/octet-stream' };
      const { status, why } = await this.#once('PUT blob', 'PUT', location, type, bytes);
      // Its answer may be lost, and the blob be there.
      if (status === 201 || (await this.hasBlob(repository, digest))) return digest;
      if (status !== undefined && status !== 404 && !AWAY.includes(status))
        throw new Violation(`PUT ${location}: ${why}`);
      if (Date.now() > deadline) throw new Violation(`PUT ${location}: away for ${GIVE_UP_MS / 1000} s: ${why}`);
    }
  }

  async putManifest(repository, reference, { bytes, mediaType }) {
    const put = { headers: { 'content-type': mediaType }, body: bytes };
    await this.call('PUT manifest', 'PUT', `/v2/${repository}/manifests/${reference}`, [201], put);
  }

  /** The bytes; null where there is none. */
  async manifest(repository, reference) {
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
    const path = `/v2/${repository}/manifests/${reference}`;
    const { status, bytes } = await this.call('GET manifest', 'GET', path, [200, 404], { headers: { accept } });
    return status === 200 ? bytes : null;
  }

  async blob(repository, digest) {
    return (await this.call('GET blob', 'GET', `/v2/${repository}/blobs/${digest}`, [200])).bytes;
  }

  /** Gone afterwards, whether this request did it or one before whose answer was lost. */
  async remove(repository, reference) {
    await this.call('DELETE manifest', 'DELETE', `/v2/${repository}/manifests/${reference}`, [202, 404]);
  }

  close() {
    return this.#dispatcher.close();
  }
}

const pathOf = (location) => {
  const { pathname, search } = new URL(location, 'http://any');
  return pathname + search;
};
