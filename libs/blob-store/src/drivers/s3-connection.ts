import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type BucketItem } from 'minio';
import { ObjectNotFound, StoreUnavailable, UnfinishedObjectLost } from '../blob-store.js';
import { S3Fault, s3Transport } from './s3-transport.js';

const SILENCE_MS = 30_000;
const PROBE_SILENCE_MS = 3000;
const RETRIES = 2;
const FIRST_RETRY_MS = 100;
const MOST_FREE_SOCKETS = 64;

/** What a blob holds, its pusher chose: no browser shall show it as a page of the store. */
const SERVED_AS = {
  'response-content-type': 'application/octet-stream',
  'response-content-disposition': 'attachment',
};
const MISSING = new Set(['NoSuchKey', 'NotFound']);
const LOST = new Set(['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder', 'EntityTooSmall']);

/** As the minio client gives it; its type leaves out when it was begun. */
interface IncompleteUpload {
  key: string;
  uploadId: string;
  initiated: string | Date;
}

/** Where the objects are and how to get in. */
export interface S3Address {
  /** `http://host:port` or `https://host`, without a path. */
  endpoint: string;
  /** The endpoint as clients of presigned URLs reach it; default: `endpoint`. */
  publicEndpoint?: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** Default: us-east-1. */
  region?: string;
  /** `endpoint/bucket/key`, default true; false: `bucket.endpoint/key`. */
  pathStyle?: boolean;
}

/** The S3 operations that the driver is made of, on one bucket, with the port's errors. */
export class S3Connection {
  private readonly agent: http.Agent;
  private readonly client: Client;
  private readonly probe: Client;
  private readonly presigner: Client;
  private readonly bucket: string;
  private readonly region: string;

  constructor(address: S3Address) {
    const secure = new URL(address.endpoint).protocol === 'https:';
    this.agent = new (secure ? https : http).Agent({ keepAlive: true, maxFreeSockets: MOST_FREE_SOCKETS });
    this.bucket = address.bucket;
    this.region = address.region ?? 'us-east-1';
    this.client = client(address, address.endpoint, SILENCE_MS, this.agent);
    this.probe = client(address, address.endpoint, PROBE_SILENCE_MS, this.agent);
    this.presigner = client(address, address.publicEndpoint ?? address.endpoint, SILENCE_MS);
  }

  async put(key: string, bytes: Buffer): Promise<string> {
    const { etag } = await this.call('put', key, () => this.client.putObject(this.bucket, key, bytes, bytes.length));
    return etag;
  }

  /** `start` 0 and no `length`: all. */
  async get(key: string, start = 0, length?: number): Promise<http.IncomingMessage> {
    const get = () => this.client.getPartialObject(this.bucket, key, start, length);
    const answer: Readable = await this.call('get', key, get);
    return answer as http.IncomingMessage;
  }

  async head(key: string) {
    return this.call('head', key, () => this.client.statObject(this.bucket, key));
  }

  async remove(key: string): Promise<void> {
    await this.call('delete', key, () => this.client.removeObject(this.bucket, key));
  }

  /** Resolves with the id of a new multipart upload. */
  async initiate(key: string): Promise<string> {
    return this.call('initiate', key, () => this.client.initiateNewMultipartUpload(this.bucket, key, {}));
  }

  /** Resolves with the part's ETag. */
  async uploadPart(key: string, uploadID: string, partNumber: number, bytes: Buffer): Promise<string> {
    const part = { bucketName: this.bucket, objectName: key, uploadID, partNumber, headers: {} };
    return (await this.call('upload part', key, () => this.client.uploadPart(part, bytes))).etag;
  }

  async completeUpload(key: string, uploadId: string, etags: string[]): Promise<void> {
    const parts = etags.map((etag, index) => ({ part: index + 1, etag }));
    await this.call('complete', key, () => this.client.completeMultipartUpload(this.bucket, key, uploadId, parts));
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    await this.call('abort', key, () => this.client.abortMultipartUpload(this.bucket, key, uploadId));
  }

  /** Ids of all multipart uploads under exactly `key`. */
  async uploadIds(key: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const upload of this.uploads(key)) if (upload.key === key) ids.push(upload.id);
    return ids;
  }

  /** Multipart uploads under way, by key, behind the key `after`. */
  async *uploads(prefix: string, after = ''): AsyncGenerator<{ key: string; id: string; initiated: Date }> {
    let [keyMarker, idMarker] = [after, ''];
    for (;;) {
      const list = () => this.client.listIncompleteUploadsQuery(this.bucket, prefix, keyMarker, idMarker, '');
      const page = await this.call('list uploads', prefix, list);
      for (const { key, uploadId, initiated } of page.uploads as IncompleteUpload[]) {
        if (key > after) yield { key, id: uploadId, initiated: new Date(initiated) };
      }
      if (!page.isTruncated) return;
      [keyMarker, idMarker] = [page.nextKeyMarker, page.nextUploadIdMarker];
    }
  }

  async *list(prefix: string, after = ''): AsyncGenerator<BucketItem> {
    let token = '';
    do {
      const list = () => this.client.listObjectsV2Query(this.bucket, prefix, token, '', 1000, after);
      const page = await this.call('list', prefix, list);
      yield* page.objects;
      token = page.isTruncated ? page.nextContinuationToken : '';
    } while (token);
  }

  async presignGet(key: string, seconds: number): Promise<string> {
    return this.presigner.presignedGetObject(this.bucket, key, seconds, SERVED_AS);
  }

  /** Makes the bucket where it is missing. Tries once and for three seconds at most: who probes wants to know now. */
  async ready(): Promise<void> {
    try {
      if (await this.probe.bucketExists(this.bucket)) return;
      await this.probe.makeBucket(this.bucket, this.region);
    } catch (error) {
      if (codeOf(error) === 'BucketAlreadyOwnedByYou') return;
      throw new StoreUnavailable('ready', error);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  /** Every call is safe to repeat: keys are fresh, parts are numbered, a second upload id is found by `uploadIds`. */
  private async call<T>(operation: string, key: string, run: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (attempt === RETRIES || !isTransient(error)) throw portError(operation, key, error);
        await sleep(FIRST_RETRY_MS * 4 ** attempt);
      }
    }
  }
}

function client(address: S3Address, endpoint: string, silenceMs: number, transportAgent?: http.Agent): Client {
  const url = new URL(endpoint);
  const useSSL = url.protocol === 'https:';
  return new Client({
    endPoint: url.hostname,
    port: url.port ? Number(url.port) : undefined,
    useSSL,
    accessKey: address.accessKey,
    secretKey: address.secretKey,
    region: address.region ?? 'us-east-1',
    pathStyle: address.pathStyle ?? true,
    transport: s3Transport(useSSL, silenceMs),
    transportAgent,
    retryOptions: { disableRetry: true },
  });
}

/** A connection that the store closed while it lay idle, or a fault that S3 asks to answer by trying again. */
function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof S3Fault ? error.status !== 501 : code === 'ECONNRESET' || code === 'EPIPE';
}

function portError(operation: string, key: string, error: unknown): Error {
  const code = codeOf(error) ?? '';
  if (MISSING.has(code)) return new ObjectNotFound(key);
  if (LOST.has(code)) return new UnfinishedObjectLost(key, `the store answered ${code} at ${operation}`, error);
  return new StoreUnavailable(operation, error);
}

/** The minio client throws S3Error with `code`, for some answers the bare XML with `Code`. */
function codeOf(error: unknown): string | undefined {
  const { code, Code } = (error ?? {}) as { code?: string; Code?: string };
  return code ?? Code;
}
