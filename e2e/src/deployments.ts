import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import {
  type Credentials,
  eventually,
  freePort,
  runCommand,
  ServerProcess,
  startMinio,
  startNats,
  startPostgres,
  tempFolder,
  type TestMinio,
  type TestPostgres,
} from '@berth/testing';

import { TcpBalancer } from './tcp-balancer.js';

export const SERVICES = ['storage', 'manage', 'auth', 'registry-v2', 'gc-worker', 'gateway'] as const;
export type Service = (typeof SERVICES)[number];

/** Of the database. */
const NAME = 'berth';
const ROOT = resolve(import.meta.dirname, '../..');
const START_WITHIN = 180_000;
/** Longer than a process may take for all steps of its stop. */
const STOP_WITHIN = 120_000;

/** The six services, each with any number of replicas, and one address before the gateways. */
export interface Deployments {
  /** Where clients go: `host:port`. */
  readonly host: string;
  readonly credentials: Credentials;
  readonly minio: TestMinio;
  /** Starts or stops replicas until there are so many, and none is on its way. */
  scale(service: Service, count: number): Promise<void>;
  /** Replaces every replica: the next one is ready before an old one is told to stop (maxSurge 1, maxUnavailable 0). */
  roll(service: Service): Promise<void>;
  /** Ends replicas without a warning, one or each of them in turn, and has others in their place. */
  kill(service: Service): Promise<void>;
  stop(): Promise<void>;
}

interface Replica {
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * The six services as Kubernetes runs them: each a number of processes without a place of their own, replaced one by one,
 * with a balancer before the gateways. PostgreSQL, NATS and MinIO are there before.
 */
export class ProcessDeployments implements Deployments {
  private readonly replicas = new Map<Service, Replica[]>(SERVICES.map((service) => [service, []]));
  private readonly stopping: Promise<void>[] = [];
  private readonly released: (() => Promise<void>)[] = [];

  private constructor(
    private readonly settings: Record<string, string>,
    private readonly balancer: TcpBalancer,
    readonly credentials: Credentials,
    readonly minio: TestMinio,
    readonly postgres: TestPostgres,
  ) {}

  /** No service runs yet. `restored`: a PostgreSQL with the database of a deployment, and the objects that go with it. */
  static async start(
    settings: Record<string, string>,
    restored?: { postgres: TestPostgres; minio: TestMinio },
  ): Promise<ProcessDeployments> {
    const password = settings['BERTH_ADMIN_PASSWORD'] ?? randomBytes(12).toString('base64url');
    const credentials = { user: 'admin', password };
    const [postgres, nats, minio, balancer] = await Promise.all([
      restored?.postgres ?? startPostgres(),
      startNats(),
      restored?.minio ?? startMinio(),
      TcpBalancer.start(),
    ]);
    const shared = {
      BERTH_DATABASE_URL: restored ? postgres.urlOf(NAME) : await postgres.createDatabase(NAME),
      BERTH_DATABASE_POOL: '5',
      BERTH_NATS_URL: nats.url,
      BERTH_S3_ENDPOINT: minio.endpoint,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
      BERTH_SECRET_KEY: randomBytes(32).toString('base64url'),
      BERTH_ADMIN_PASSWORD: credentials.password,
      ...settings,
    };
    const all = new ProcessDeployments(shared, balancer, credentials, minio, postgres);
    all.released.push(
      () => balancer.stop(),
      () => nats.stop(),
      () => minio.stop(),
      () => postgres.stop(),
    );
    await runCommand(process.execPath, ['libs/metadata/dist/migrate-main.js', 'deploy'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, BERTH_DATABASE_URL: shared.BERTH_DATABASE_URL },
    });
    return all;
  }

  get host(): string {
    return this.balancer.host;
  }

  /** One replica of each. */
  async startEach(services: readonly Service[] = SERVICES): Promise<void> {
    await Promise.all(services.map((service) => this.scale(service, 1)));
  }

  async scale(service: Service, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count - this.of(service).length }, () => this.startOne(service)));
    while (this.of(service).length > count) this.stopOldest(service);
    await this.settled();
  }

  async roll(service: Service): Promise<void> {
    for (let left = this.of(service).length; left > 0; left--) {
      await this.startOne(service);
      this.stopOldest(service);
    }
    await this.settled();
  }

  /** kill -9 of one replica. */
  async kill(service: Service): Promise<void> {
    await this.of(service).shift()!.kill();
    await this.startOne(service);
  }

  async stop(): Promise<void> {
    // Gateways first, so that what they have begun has where to go.
    for (const service of [...SERVICES].reverse()) await this.scale(service, 0);
    for (const release of this.released) await release();
  }

  private of(service: Service): Replica[] {
    return this.replicas.get(service)!;
  }

  private stopOldest(service: Service): void {
    this.stopping.push(this.of(service).shift()!.stop());
  }

  private async settled(): Promise<void> {
    await Promise.all(this.stopping.splice(0));
  }

  private async startOne(service: Service): Promise<void> {
    const [port, internalPort] = [await freePort(), await freePort()];
    const readyz = `http://127.0.0.1:${internalPort}/readyz`;
    const folder = tempFolder(`berth-${service}`);
    const dataDir = join(folder.path, 'data');
    mkdirSync(dataDir);
    const server = await ServerProcess.start({
      name: service,
      file: process.execPath,
      args: [`apps/${service}/dist/main.js`],
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        ...this.settings,
        BERTH_DATA_DIR: dataDir,
        BERTH_PORT: String(port),
        BERTH_INTERNAL_PORT: String(internalPort),
      },
      folder,
      logFile: join(folder.path, 'log'),
      ready: async () => (await fetch(readyz)).ok,
      readyWithin: START_WITHIN,
      stopWithin: STOP_WITHIN,
    });
    const stop = async () => {
      const crash = server.unexpectedEnd;
      await server.stop();
      const log = server.logTail();
      folder.remove();
      if (crash) throw new Error(`${service} ended by itself:\n${crash}`);
      if (!/"msg":"stopped"/.test(log)) throw new Error(`${service} did not stop in order:\n${log}`);
    };
    const kill = async () => {
      await server.kill();
      folder.remove();
    };
    this.of(service).push({ stop, kill });
    if (service === 'gateway') await this.balancer.add({ port, readyz });
  }
}

export const until = (check: () => boolean | Promise<boolean>, what: string, within = 120_000) =>
  eventually(check, { what, within, every: 100 });
