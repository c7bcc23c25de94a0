// The protocol, one request at a time, tried again while the registry is away: what a client of a cluster does.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { FOUND_BLOB_MS, LEASED_MS, UPLOAD_IDLE_MS } from './timing.mjs';

/** Longer than any outage that the soak makes, on a machine that is busy with other things too. */
const GIVE_UP_MS = 300_000;
const PAUSE_MS = 200;
const AWAY = [429, 502, 503];
const BYTES = { 'content-type': 'application/octet-stream' };

export const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** What the registry may not answer. */
export class Violation extends Error {}

export class RegistryCalls {
  #dispatcher = new Agent({ connections: 8, headersTimeout: 20_000, bodyTimeout: 20_000 });

  /**
   * `report` hears of each request, and of what had to be tried again. `wasDown(since)`: whether something has been down
   * since then. `tell(requestId)` prints what the services say of a request. In a repository of `vanishing` an upload may end
   * with its repository. Nothing is tried again after `signal`.
   */
  constructor({ url, report, wasDown, tell, vanishing, signal }) {
    Object.assign(this, { url, report, wasDown, tell, vanishing, signal });
  }

  /**
   * The first answer with one of `expected`. What says that the registry is away (503, or a connection that breaks) is tried
   * again; any other answer is a violation. With `sentAt`, when the request began that was answered, and `isFirst`: nothing was
   * tried before, so that whatever it says is not the work of a request whose answer was lost.
   */
  async call(kind, method, path, expected, { headers = {}, body } = {}) {
    const troubles = [];
    const end = (outcome) => this.report.troubles(kind, troubles, outcome);
    for (const began = performance.now(); ;) {
      const answer = await this.#once(kind, method, path, headers, body);
      if (answer.status !== undefined && expected.includes(answer.status)) {
        end('answered then');
        return { ...answer, isFirst: troubles.length === 0 };
      }
      troubles.push(this.#trouble(kind, answer, troubles));
      if (!isAway(answer)) {
        end('refused');
        throw new Violation(
          `${method} ${path}: ${answer.status} where ${expected.join(' or ')} was expected: ${answer.bytes}`,
        );
      }
      if (performance.now() - began > GIVE_UP_MS) {
        end('given up');
        throw new Violation(`${method} ${path}: away for ${GIVE_UP_MS / 1000} s: ${answer.why}`);
      }
      await delay(PAUSE_MS);
    }
  }

  async #once(kind, method, path, headers, body) {
    this.signal.throwIfAborted();
    const sentAt = performance.now();
    try {
      const response = await request(new URL(path, this.url), { method, headers, body, dispatcher: this.#dispatcher });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      const { statusCode: status } = response;
      this.report.request(kind, performance.now() - sentAt, status);
      return { status, headers: response.headers, bytes, why: `${status} ${bytes}`, sentAt };
    } catch (error) {
      this.report.request(kind, performance.now() - sentAt, 'broken');
      return { why: error.message, sentAt };
    }
  }

  /**
   * That the registry is away while nothing was down that clients may notice is a violation, once for a call with those
   * `before` it; the client goes on.
   */
  #trouble(kind, answer, before = []) {
    const { status = 'broken', sentAt } = answer;
    const duringOutage = this.wasDown(sentAt);
    if (isAway(answer) && !duringOutage && before.every((trouble) => trouble.duringOutage)) {
      const requestId = answer.headers?.['x-request-id'];
      this.report.violation(kind, new Violation(`away, and nothing was down: ${answer.why}, request ${requestId}`));
      if (requestId) this.tell(requestId);
    }
    return { what: status, duringOutage };
  }

  /** Until when the blob is protected that was found; 0 where there is none. */
  async findBlob(repository, digest) {
    const path = `/v2/${repository}/blobs/${digest}`;
    const { status, sentAt } = await this.call('HEAD blob', 'HEAD', path, [200, 404]);
    return status === 200 ? sentAt + FOUND_BLOB_MS : 0;
  }

  /** The same of one that was mounted; the upload that is begun instead is cancelled. */
  async mount(repository, digest, from) {
    const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
    const answer = await this.call('mount', 'POST', path, [201, 202, ...this.#gone(repository)]);
    if (answer.status === 202) await this.cancel(sessionOf(repository, answer));
    return answer.status === 201 ? answer.sentAt + LEASED_MS : 0;
  }

  /** The session: where to send the bytes to, and since when it is surely open. */
  async startUpload(repository) {
    for (;;) {
      const expected = [202, ...this.#gone(repository)];
      const answer = await this.call('start', 'POST', `/v2/${repository}/blobs/uploads/`, expected);
      if (answer.status === 202) return sessionOf(repository, answer);
      this.report.vanished('start');
    }
  }

  /** Sends one chunk; gives the session for the next one, null where the upload is gone or cut. */
  async patch(session, bytes) {
    const answer = await this.#once('PATCH blob', 'PATCH', session.location, BYTES, bytes);
    if (answer.status === 202) return sessionOf(session.repository, answer);
    return this.#cut('PATCH', session, answer);
  }

  /**
   * In one piece or in chunks; from the start again where it was cut: the session has then what came through of it, and the
   * whole would be behind that. Gives until when the blob is protected.
   */
  async upload(repository, bytes, { chunked = false } = {}) {
    const digest = sha256(bytes);
    for (const began = performance.now(); performance.now() - began < GIVE_UP_MS;) {
      let session = await this.startUpload(repository);
      let rest = bytes;
      if (chunked) {
        const half = bytes.length >> 1;
        session = await this.patch(session, bytes.subarray(0, half));
        if (session !== null) session = await this.patch(session, bytes.subarray(half));
        rest = Buffer.alloc(0);
      }
      if (session === null) continue;
      const { location } = session;
      const end = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
      const answer = await this.#once('PUT blob', 'PUT', end, BYTES, rest);
      if (answer.status === 201) return answer.sentAt + LEASED_MS;
      this.#cut('PUT', session, answer);
      // Its answer may be lost, and the blob be there.
      const found = await this.findBlob(repository, digest);
      if (found) return found;
    }
    throw new Violation(`upload to ${repository}: away for ${GIVE_UP_MS / 1000} s`);
  }

  /** Begins to send and goes away in the middle. */
  async cutUpload(repository, bytes) {
    const { location } = await this.startUpload(repository);
    const body = (async function* () {
      yield bytes.subarray(0, bytes.length >> 1);
      throw new Error('the client goes away');
    })();
    const headers = { ...BYTES, 'content-length': String(bytes.length) };
    await this.#once('cut PATCH', 'PATCH', location, headers, body);
  }

  async cancel(session) {
    const answer = await this.call('cancel', 'DELETE', session.location, [204, 404]);
    if (answer.status === 404 && answer.isFirst) this.#expectEnded('DELETE', session, answer);
  }

  /** False where it is refused for what it refers to, with when the request was sent. */
  async putManifest(repository, reference, { bytes, mediaType }) {
    const put = { headers: { 'content-type': mediaType }, body: bytes };
    const path = `/v2/${repository}/manifests/${reference}`;
    const answer = await this.call('PUT manifest', 'PUT', path, [201, 400, ...this.#gone(repository)], put);
    if (answer.status === 400 && !answer.bytes.includes('"MANIFEST_BLOB_UNKNOWN"'))
      throw new Violation(`PUT ${path}: 400 ${answer.bytes}`);
    return { isStored: answer.status === 201, sentAt: answer.sentAt, why: answer.why };
  }

  /** The bytes; null where there is none. */
  async manifest(repository, reference) {
    const { status, bytes } = await this.#readManifest('GET', repository, reference);
    return status === 200 ? bytes : null;
  }

  /** When it was asked for that was found; 0 where it was not. */
  async findManifest(repository, digest) {
    const { status, sentAt } = await this.#readManifest('HEAD', repository, digest);
    return status === 200 ? sentAt : 0;
  }

  #readManifest(method, repository, reference) {
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
    const path = `/v2/${repository}/manifests/${reference}`;
    return this.call(`${method} manifest`, method, path, [200, 404], { headers: { accept } });
  }

  /** Null where there is none. */
  async blob(repository, digest) {
    const { status, bytes } = await this.call('GET blob', 'GET', `/v2/${repository}/blobs/${digest}`, [200, 404]);
    return status === 200 ? bytes : null;
  }

  /** Digests of what refers to this one. */
  async referrers(repository, digest) {
    const { bytes } = await this.call('referrers', 'GET', `/v2/${repository}/referrers/${digest}`, [200]);
    return JSON.parse(bytes).manifests.map((entry) => entry.digest);
  }

  /**
   * Gone afterwards, whether this request did it or one before whose answer was lost; false where it is `refused` with 405.
   * What `isHeld` must be there until then.
   */
  async remove(repository, reference, { refused = false, isHeld = true } = {}) {
    const path = `/v2/${repository}/manifests/${reference}`;
    const answer = await this.call('DELETE manifest', 'DELETE', path, [202, 404, ...(refused ? [405] : [])]);
    if (isHeld) expectThere(`${repository} ${reference}`, answer);
    return answer.status !== 405;
  }

  /** False where it has tags. The same. */
  async removeRepository(repository, { refused = false, isHeld = true } = {}) {
    const path = managementPath(repository);
    const answer = await this.call('DELETE repository', 'DELETE', path, [204, 404, ...(refused ? [406] : [])]);
    if (isHeld) expectThere(repository, answer);
    return answer.status !== 406;
  }

  /** `owner`: a repository, or an organisation. */
  async setUntaggedPolicy(owner, policy) {
    const path = `${owner.includes('/') ? managementPath(owner) : `/v2/manage/namespaces/${owner}`}/untagged-policy`;
    await this.call('PUT policy', 'PUT', path, [200], { body: JSON.stringify(policy) });
  }

  /** What is under way is cut. */
  close() {
    return this.#dispatcher.destroy();
  }

  #gone(repository) {
    return this.vanishing.has(repository) ? [404] : [];
  }

  #cut(method, session, answer) {
    this.report.troubles(`${method} blob`, [this.#trouble(`${method} blob`, answer)], 'begun again');
    if (answer.status === 404) this.#expectEnded(method, session, answer);
    else if (!isAway(answer)) throw new Violation(`${method} ${session.location}: ${answer.why}`);
    return null;
  }

  /**
   * A session that is not there any more has ended with its repository, or as idle, or something went down meanwhile: then the
   * gateway may have asked a second time for what the first one has done.
   */
  #expectEnded(method, { repository, location, openAt }, answer) {
    const mayHaveEnded =
      this.vanishing.has(repository) || this.wasDown(answer.sentAt) || performance.now() - openAt > UPLOAD_IDLE_MS;
    if (!mayHaveEnded) throw new Violation(`lost: ${method} ${location} of a live upload: ${answer.why}`);
  }
}

function expectThere(what, { status, isFirst }) {
  if (status === 404 && isFirst) throw new Violation(`lost: ${what} was not there when it was deleted`);
}

const isAway = ({ status }) => status === undefined || AWAY.includes(status);

const sessionOf = (repository, { headers, sentAt }) => ({
  repository,
  location: pathOf(headers.location),
  openAt: sentAt,
});

const pathOf = (location) => {
  const { pathname, search } = new URL(location, 'http://any');
  return pathname + search;
};

const managementPath = (repository) => {
  const [organisation, ...name] = repository.split('/');
  return `/v2/manage/namespaces/${organisation}/repos/${name.join('$')}`;
};
