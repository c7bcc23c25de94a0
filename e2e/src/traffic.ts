import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import {
  anImage,
  type Blob,
  blobsOf,
  type CallOptions,
  Crane,
  type Credentials,
  Docker,
  dockerArchive,
  type HttpAnswer,
  readOciLayout,
  randomBlob,
  RegistryClient,
  startDockerd,
  writeOciLayout,
} from '@berth/testing';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Between two operations of a client: enough are under way all the same, and the processes that start need the machine. */
const PAUSE_MS = 50;
/** What Retry-After says, and what a client does after a connection that broke. */
const RETRY_MS = 1_000;
/** The first try, and the retries of a real client: docker makes five. */
const TRIES = 5;

type Operation = (client: RegistryClient, n: number) => Promise<void>;

/** Counts what it sends. */
class CountingClient extends RegistryClient {
  constructor(
    base: string,
    credentials: Credentials,
    private readonly traffic: Traffic,
  ) {
    super(base, credentials);
  }

  override call(method: string, path: string, scopes: readonly string[], options?: CallOptions): Promise<HttpAnswer> {
    this.traffic.requests++;
    return super.call(method, path, scopes, options);
  }
}

/**
 * Clients that work all the time and compare every byte. What fails is a failure of the registry, unless clients are
 * allowed to try again, which they do as real ones: after a second, from the beginning of what they were about.
 */
export class Traffic {
  requests = 0;
  operations = 0;
  retries = 0;
  readonly failures: string[] = [];
  mayRetry = false;
  private ended = false;
  private readonly workers: Promise<void>[] = [];
  private readonly image = anImage({ layers: 1, layerSize: 8 * MIB });

  constructor(
    private readonly host: string,
    private readonly credentials: Credentials,
  ) {}

  /** One worker for each kind of operation. */
  async start(): Promise<void> {
    await this.client().push('rolls/large', this.image, 'v1');
    const operations: Operation[] = [
      pushAndPull('a'),
      pushAndPull('b'),
      chunkedUpload,
      slowUpload,
      rangedReads(this.large),
      this.slowRead(),
      lists,
      logins(() => this.client()),
    ];
    this.workers.push(...operations.map((operation) => this.work(operation)));
  }

  /** A loop of crane: it pushes an image, and pulls it into another folder. */
  async startCrane(): Promise<void> {
    const crane = new Crane(this.host);
    await crane.login(this.credentials.user, this.credentials.password);
    const loop = this.work(async (_client, n) => {
      const image = anImage({ layers: 2, layerSize: 500 * KIB });
      const [pushed, pulled] = [crane.path(`pushed-${n}`), crane.path(`pulled-${n}`)];
      writeOciLayout(pushed, image);
      await crane.push(pushed, `rolls/crane:v${n % 5}`);
      await crane.pull(`rolls/crane:v${n % 5}`, pulled);
      const { digests } = readOciLayout(pulled);
      for (const { digest } of blobsOf(image)) if (!digests.has(digest)) throw new Error(`crane did not get ${digest}`);
      for (const folder of [pushed, pulled]) rmSync(folder, { recursive: true });
    });
    this.workers.push(loop.finally(() => crane.remove()));
  }

  /** A loop of docker, on an engine of its own: it pushes an image, forgets it, and pulls it. */
  async startDocker(client: string): Promise<void> {
    const engine = await startDockerd({ insecureRegistry: this.host });
    const docker = new Docker(engine, client, this.host);
    await docker.login(this.credentials.user, this.credentials.password);
    const loop = this.work(async (_client, n) => {
      const image = anImage({ layers: 2, layerSize: 500 * KIB, format: 'docker' });
      const name = `rolls/docker:v${n % 5}`;
      await docker.load(dockerArchive(image, docker.reference(name)));
      const pushed = await docker.push(name);
      await docker.removeImage(name);
      if ((await docker.pull(name)) !== pushed) throw new Error(`docker pulled another manifest than ${pushed}`);
      const { Id } = await docker.inspect(name);
      if (Id !== image.config.digest) throw new Error(`docker pulled ${Id} where it pushed ${image.config.digest}`);
      await docker.removeImage(name);
    });
    this.workers.push(loop.finally(() => engine.stop()));
  }

  /** Resolves when the last operation has ended. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all(this.workers);
  }

  private get large(): Blob {
    return this.image.layers[0]!;
  }

  private client(): RegistryClient {
    return new CountingClient(`http://${this.host}`, this.credentials, this);
  }

  private async work(operation: Operation): Promise<void> {
    const client = this.client();
    for (let n = 0; !this.ended; n++) {
      await this.attempt(() => operation(client, n));
      this.operations++;
      await delay(PAUSE_MS);
    }
  }

  private async attempt(operation: () => Promise<void>): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        return await operation();
      } catch (error) {
        if (!this.mayRetry || tried === TRIES) {
          this.failures.push(`${new Date().toISOString()} ${inOneLine(error)}`);
          return;
        }
        this.retries++;
        await delay(RETRY_MS);
      }
    }
  }

  /** A client that takes the bytes more slowly than they come. */
  private slowRead(): Operation {
    return async (client) => {
      const path = `/v2/rolls/large/blobs/${this.large.digest}`;
      const token = await client.tokenFor(['repository:rolls/large:pull']);
      this.requests++;
      const chunks: Buffer[] = [];
      await new Promise<void>((resolve, reject) => {
        get(`http://${this.host}${path}`, { headers: { authorization: token! }, agent: false }, (answer) => {
          if (answer.statusCode !== 200) reject(new Error(`slow read: ${answer.statusCode}`));
          answer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            answer.pause();
            setTimeout(() => answer.resume(), 15);
          });
          answer.once('end', resolve).once('error', reject);
        }).once('error', reject);
      });
      same('a slow read', Buffer.concat(chunks), this.large.bytes);
    };
  }
}

/** An image with layers that nobody has, under one of a few tags, now and then in a repository of its own. */
const pushAndPull =
  (worker: string): Operation =>
  async (client, n) => {
    const image = anImage({ layers: 2, layerSize: 300 * KIB });
    const name = n % 3 === 0 ? `rolls-${worker}-${n}/app` : `rolls/app-${worker}`;
    await client.push(name, image, `v${n % 4}`);
    await client.pullAndCompare(name, `v${n % 4}`, image);
  };

const chunkedUpload: Operation = async (client) => {
  const blob = randomBlob(1_700_000);
  await client.pushBlob('rolls/chunked', blob, 'chunked', 400_000);
  same('a chunked upload', (await client.getBlob('rolls/chunked', blob.digest)).expect(200).bytes, blob.bytes);
};

/** Its bytes are under way for seconds, whoever is told to stop meanwhile. */
const slowUpload: Operation = async (client) => {
  const blob = randomBlob(6 * MIB);
  const session = await client.startUpload('rolls/slow');
  (await session.stream(slowly(blob))).expect(202);
  (await session.finish(blob.digest)).expect(201);
  same('a slow upload', (await client.getBlob('rolls/slow', blob.digest)).expect(200).bytes, blob.bytes);
};

async function* slowly({ bytes }: Blob): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 256 * KIB) {
    yield bytes.subarray(at, at + 256 * KIB);
    await delay(100);
  }
}

const rangedReads =
  ({ bytes, digest }: Blob): Operation =>
  async (client) => {
    const start = randomInt(bytes.length - MIB);
    const end = start + randomInt(1, MIB);
    const headers = { range: `bytes=${start}-${end}` };
    const answer = (await client.getBlob('rolls/large', digest, { headers })).expect(206);
    same(`bytes ${start} to ${end}`, answer.bytes, bytes.subarray(start, end + 1));
  };

const lists: Operation = async (client) => {
  (await client.catalog({ n: 50 })).expect(200);
  (await client.listTags('rolls/app-a')).expect(200, 404);
};

/** A client that nobody knows yet: a challenge, a token, a request. */
const logins =
  (newClient: () => RegistryClient): Operation =>
  async () => {
    const client = newClient();
    (await client.ping({ token: (await client.tokenFor([]))! })).expect(200);
  };

function same(what: string, found: Buffer | undefined, expected: Buffer): void {
  if (!found?.equals(expected)) throw new Error(`${what}: ${found?.length ?? 'no'} bytes differ from what was pushed`);
}

function inOneLine(error: unknown): string {
  const { message, cause } = error as Error;
  return `${message} ${cause instanceof Error ? cause.message : ''}`.replace(/\s+/g, ' ').trim();
}
