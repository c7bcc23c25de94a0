import { readFileSync } from 'node:fs';

import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  eventually,
  exchange,
  type HttpAnswer,
  processExists,
  type RegistryClient,
  startMinio,
  startNats,
  startPostgres,
  type TestMinio,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

import { Client } from 'pg';

import { ObjectStoreProxy } from '../object-store-proxy.js';
import { isForeignRegistry, reasonAgainst, type Stack, startStack } from '../stack.js';
import { Barriers } from './barriers.js';
import { StoredContent } from './stored-content.js';

/**
 * No grace, and nothing kept for want of a tag. A lease and a read last longer than any test: a test says itself that their time
 * is over, and nothing depends on how fast it runs. Rows and objects are compared by the specs that ask for it.
 */
const SETTINGS = {
  BERTH_GC_GRACE_SECONDS: '0',
  BERTH_GC_UNTAGGED: '0',
  BERTH_LEASE_SECONDS: '3600',
  BERTH_READ_GRANT_SECONDS: '3600',
  BERTH_GC_RECONCILE_SECONDS: '0',
};
const REPLICAS = { gateway: 1, 'registry-v2': 2, storage: 2, 'gc-worker': 2 };
const RECOVERY = 60_000;
/** For beforeAll: a dozen processes, on a machine that is busy. */
export const STARTS_WITHIN = 300_000;
const [DATABASE, BACKUP] = ['berth', 'backup'] as const;

/** Why races cannot be run here; undefined where they can. */
export const reasonAgainstRaces = (): string | undefined =>
  isForeignRegistry() ? 'E2E_REGISTRY is not ours to disturb' : reasonAgainst('distributed');

/** The services as processes of their own, on real servers, with all that a test needs to make them meet. */
export class RaceStack {
  private readonly stopped = new Set<number>();
  private managementToken: string | undefined;

  private constructor(
    readonly stack: Stack,
    readonly postgres: TestPostgres,
    readonly minio: TestMinio,
    private readonly nats: TestNats,
    private readonly bus: NatsConnection,
    /** Holds transactions. */
    readonly barriers: Barriers,
    /** Holds, delays and refuses what storage asks of the object store. */
    readonly store: ObjectStoreProxy,
    /** What is served, stored and left. */
    readonly content: StoredContent,
  ) {}

  static async start(settings: Record<string, string> = {}, replicas: Record<string, number> = {}): Promise<RaceStack> {
    const [postgres, nats, minio] = await Promise.all([startPostgres(), startNats(), startMinio()]);
    const store = await ObjectStoreProxy.start(minio.endpoint);
    const url = await postgres.createDatabase(DATABASE);
    const own = {
      ...SETTINGS,
      BERTH_DATABASE_URL: url,
      BERTH_NATS_URL: nats.url,
      BERTH_S3_ENDPOINT: store.endpoint,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
    };
    try {
      const stack = await startStack('distributed', { ...own, ...settings }, { ...REPLICAS, ...replicas });
      const barriers = await Barriers.setUp(url);
      const content = new StoredContent(stack.client(), barriers, minio);
      const bus = await connect({ servers: [nats.url], maxReconnectAttempts: -1 });
      return new RaceStack(stack, postgres, minio, nats, bus, barriers, store, content);
    } catch (error) {
      await Promise.all([store.stop(), postgres.stop(), nats.stop(), minio.stop()]);
      throw error;
    }
  }

  get client(): RegistryClient {
    return this.stack.client();
  }

  /** A request to the management API, by the administrator. */
  async manage(method: string, path: string): Promise<HttpAnswer> {
    const url = `${this.stack.base}/v2/manage/namespaces/${path}`;
    return exchange({ method, url, headers: { 'x-auth-token': await this.token() } });
  }

  /** gc-worker sleeps until something is due; this is the event that it is told of garbage by. */
  wake(): void {
    this.bus.publish('registry.garbage.queued.v1', '{}');
  }

  /** Wakes workers until this is so. */
  async collectUntil(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    const wakeAndLook = async () => {
      if (await check()) return true;
      this.wake();
      return false;
    };
    await eventually(wakeAndLook, { what, within: 60_000, every: 100 });
  }

  /** The same for what resolves only once workers have come so far. */
  async whileCollecting<T>(reached: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.wake(), 100);
    try {
      return await reached;
    } finally {
      clearInterval(timer);
    }
  }

  private async token(): Promise<string> {
    this.managementToken ??= await this.askForToken();
    return this.managementToken;
  }

  private async askForToken(): Promise<string> {
    const { user, password } = this.stack.credentials!;
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: 'admin' } } } };
    const answer = await exchange({
      method: 'POST',
      url: `${this.stack.base}/v3/auth/tokens`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope: { project: { name: 'local' } } } }),
    });
    return answer.expect(201).header('x-subject-token')!;
  }

  /** `http://127.0.0.1:port` of each gateway; its settings say it, which a process of the same user may read. */
  gateways(): string[] {
    return this.stack.processes().gateway!.map((pid) => {
      const settings = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const port = settings.find((one) => one.startsWith('BERTH_PORT='))?.slice('BERTH_PORT='.length);
      return `http://127.0.0.1:${port}`;
    });
  }

  /** A copy of the database as it is now. Its clients are cut off for the moment of it, as at any outage. */
  async backUpDatabase(): Promise<void> {
    await this.copyDatabase(DATABASE, BACKUP);
  }

  /** The database is what it was at its backup. */
  async restoreDatabase(): Promise<void> {
    await this.copyDatabase(BACKUP, DATABASE);
    for (const service of ['registry-v2', 'storage', 'gc-worker', 'auth', 'manage']) await this.recovered(service);
  }

  /** For the services, whose connections are made anew: the test can change rows still. */
  async makeDatabaseReadOnly(isReadOnly: boolean): Promise<void> {
    await this.barriers.rows(`ALTER DATABASE ${DATABASE} SET default_transaction_read_only = ${isReadOnly}`);
    await this.barriers.cutServices();
  }

  private async copyDatabase(from: string, to: string): Promise<void> {
    const client = new Client({ connectionString: this.postgres.url });
    await client.connect();
    try {
      await client.query(`ALTER DATABASE ${from} ALLOW_CONNECTIONS false`);
      await client.query(`DROP DATABASE IF EXISTS ${to} WITH (FORCE)`);
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [from]);
      await client.query(`CREATE DATABASE ${to} TEMPLATE ${from}`);
      await client.query(`ALTER DATABASE ${from} ALLOW_CONNECTIONS true`);
    } finally {
      await client.end();
    }
    await this.barriers.reconnect();
  }

  /** kill -9. The supervisor starts another one. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    this.stopped.delete(pid);
    await eventually(() => !processExists(pid), { what: `${pid} is gone` });
  }

  /** SIGSTOP: the process does nothing any more, and its connections stay. */
  pause(pid: number): void {
    process.kill(pid, 'SIGSTOP');
    this.stopped.add(pid);
  }

  /** All processes of the service are stopped while `work` is done: what they find after it, they find at once. */
  async whilePaused(service: string, work: () => Promise<void>): Promise<void> {
    const pids = this.stack.processes()[service]!;
    for (const pid of pids) this.pause(pid);
    await work();
    for (const pid of pids) this.resume(pid);
  }

  resume(pid: number): void {
    if (this.stopped.delete(pid)) process.kill(pid, 'SIGCONT');
  }

  /** Resolves when all processes of the service run and are ready. */
  async recovered(service: string): Promise<void> {
    const isUp = async () => {
      if (!(this.stack.processes()[service] ?? []).every(processExists)) return false;
      const answers = await Promise.all(this.stack.addresses(service).map((address) => fetch(`${address}/readyz`)));
      return answers.every(({ ok }) => ok);
    };
    await eventually(isUp, { what: `${service} is ready again`, within: RECOVERY, every: 100 });
  }

  /** The sum of a metric over the processes of a service, and over its labels. */
  async metric(service: string, name: string): Promise<number> {
    const texts = await Promise.all(
      this.stack.addresses(service).map(async (address) => (await fetch(`${address}/metrics`)).text()),
    );
    const lines = texts.flatMap((text) => text.split('\n')).filter((line) => new RegExp(`^${name}[{ ]`).test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /**
   * What every race must leave: all that is served is whole. Then, when all leases, graces and windows are over, nothing is left
   * that nothing needs; and what is served is whole still.
   */
  async endsWell(): Promise<void> {
    await this.content.everythingServedIsWhole();
    await this.quiesce();
    await this.content.everythingServedIsWhole();
  }

  /** Time passes, and workers work, until nothing is left to be collected. */
  async quiesce(): Promise<void> {
    let left: Record<string, unknown> = {};
    const isNothingLeft = async () => {
      await this.content.passTime();
      this.wake();
      left = await this.content.leftovers();
      return Object.keys(left).length === 0;
    };
    await eventually(isNothingLeft, { what: 'nothing is left', within: 60_000, every: 200 }).catch((error: unknown) => {
      throw new Error(`garbage is left: ${JSON.stringify(left)}\n${this.stack.logTail(30)}`, { cause: error });
    });
  }

  resumeAll(): void {
    for (const pid of [...this.stopped]) this.resume(pid);
  }

  /** For after each test: what a failure has left standing goes on. */
  async letGo(): Promise<void> {
    this.resumeAll();
    this.store.clear();
    await this.barriers.openAll();
  }

  async stop(): Promise<void> {
    await this.letGo();
    await this.barriers.close();
    await this.bus.close();
    await this.stack.stop();
    await Promise.all([this.store.stop(), this.postgres.stop(), this.nats.stop(), this.minio.stop()]);
  }
}
