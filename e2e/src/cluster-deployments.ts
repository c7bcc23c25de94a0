import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { writeFileSync } from 'node:fs';

import {
  type Credentials,
  dockerClients,
  eventually,
  findHelm,
  GiveUp,
  requireProgram,
  runCommand,
  startDockerd,
  startMinio,
  startNats,
  startPostgres,
  tempFolder,
  type TestMinio,
} from '@berth/testing';

import { baseImage } from './base-image.js';
import { type Deployments, type Service, SERVICES } from './deployments.js';

const ROOT = resolve(import.meta.dirname, '../..');
const NAMESPACE = 'berth';
const IMAGES = { registry: 'berth.test', tag: 'e2e' };
/** The same images: what an upgrade does to clients is the same, whatever is in them. */
const NEXT_TAG = 'e2e-next';
/** A roll-out of one service, on a machine that does other things. */
const SETTLED_WITHIN = 420_000;
const COMMAND_WITHIN = 600_000;

/** A running cluster, as tools/e2e-kubernetes.mjs says it in E2E_CLUSTER; this process is in its network. */
export interface Cluster {
  kubectl: string;
  kubeconfig: string;
  containerdSocket: string;
  /** The address of the node. */
  node: string;
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: {
    phase: string;
    conditions?: { type: string; status: string; lastTransitionTime: string }[];
    containerStatuses?: { restartCount: number; state: { running?: { startedAt: string } } }[];
  };
}

export interface Autoscaling {
  replicas: number;
  ready: number;
  /** Of what its pods request, in percent; undefined until that is known. */
  utilization: number | undefined;
}

/** The chart of this workspace, installed in a real cluster, on a PostgreSQL, a NATS and a MinIO beside the cluster. */
export class ClusterDeployments implements Deployments {
  host = '';
  private readonly released: (() => Promise<unknown>)[] = [];

  private constructor(
    private readonly cluster: Cluster,
    readonly credentials: Credentials,
    readonly minio: TestMinio,
  ) {}

  static async start(
    cluster: Cluster,
    settings: Record<string, string>,
    replicas: number,
  ): Promise<ClusterDeployments> {
    const [postgres, nats, minio] = await Promise.all([startPostgres(), startNats(), startMinio()]);
    const credentials = { user: 'admin', password: randomBytes(12).toString('base64url') };
    const berth = new ClusterDeployments(cluster, credentials, minio);
    berth.released.push(
      () => postgres.stop(),
      () => nats.stop(),
      () => minio.stop(),
    );
    for (const port of [postgres.port, nats.port, Number(new URL(minio.endpoint).port)]) await berth.bridge(port);
    const reached = (url: string) => url.replace('127.0.0.1', cluster.node);
    await berth.loadImages();
    await berth.kubectl('create', 'namespace', NAMESPACE);
    await berth.secret('database', { url: reached(await postgres.createDatabase()) });
    await berth.secret('s3', { 'access-key': minio.accessKey, 'secret-key': minio.secretKey });
    await berth.secret('admin', { 'admin-password': credentials.password });
    const resources = { requests: { cpu: '50m', memory: '64Mi' } };
    await berth.helm('install', {
      image: IMAGES,
      postgresql: { existingSecret: 'database' },
      nats: { url: reached(nats.url) },
      objectStore: { endpoint: reached(minio.endpoint), existingSecret: 's3' },
      admin: { existingSecret: 'admin' },
      config: { ...settings, BERTH_DATABASE_POOL: '4' },
      services: Object.fromEntries(SERVICES.map((service) => [service, { replicas, resources }])),
    });
    const address = await berth.kubectl(
      'get',
      'service',
      'berth',
      '-o',
      'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}',
    );
    return Object.assign(berth, { host: address });
  }

  async scale(service: Service, count: number): Promise<void> {
    await this.kubectl('scale', `deployment/berth-${service}`, `--replicas=${count}`);
    await this.settled(service);
  }

  async roll(service: Service): Promise<void> {
    await this.kubectl('rollout', 'restart', `deployment/berth-${service}`);
    await this.kubectl('rollout', 'status', `deployment/berth-${service}`, `--timeout=${SETTLED_WITHIN / 1000}s`);
    await this.settled(service);
  }

  /** Each pod in turn. */
  async kill(service: Service): Promise<void> {
    for (const { metadata } of await this.pods(service)) {
      await this.kubectl('delete', 'pod', metadata.name, '--grace-period=0', '--force');
      await this.settled(service);
    }
  }

  /** To other images, as a new version has them: all services roll at once, and the migrations run before. */
  async upgrade(): Promise<void> {
    await this.helm('upgrade', { image: { ...IMAGES, tag: NEXT_TAG } });
    for (const service of SERVICES) await this.settled(service);
  }

  /** Gives a service to an autoscaler, by an upgrade of the release. */
  async autoscale(service: Service, cpuRequest: string, autoscaling: Record<string, number>): Promise<void> {
    const resources = { requests: { cpu: cpuRequest } };
    await this.helm('upgrade', {
      services: { [service]: { resources, autoscaling: { enabled: true, ...autoscaling } } },
    });
  }

  async autoscaling(service: Service): Promise<Autoscaling> {
    const { status } = JSON.parse(await this.kubectl('get', 'hpa', `berth-${service}`, '-o', 'json')) as {
      status: {
        currentReplicas?: number;
        currentMetrics?: { resource?: { current: { averageUtilization?: number } } }[];
      };
    };
    const pods = await this.pods(service);
    return {
      replicas: pods.length,
      ready: pods.filter(isReady).length,
      utilization: status.currentMetrics?.[0]?.resource?.current.averageUtilization,
    };
  }

  /** Of each service: seconds from the start of its container until each pod was ready. */
  startTimes(): Promise<string[]> {
    return Promise.all(
      SERVICES.map(async (service) => {
        const seconds = (await this.pods(service)).map(secondsToReady);
        return `${service}: ready ${seconds.join(' and ')} s after its start`;
      }),
    );
  }

  /** What each pod uses, as Kubernetes counts it. */
  async memory(): Promise<string[]> {
    const used = await this.kubectl('top', 'pods', '--no-headers');
    return SERVICES.map((service) => {
      const line = new RegExp(`^berth-${service}-\\w+-\\w+\\s+\\S+\\s+(\\S+)`, 'gm');
      return `${service}: memory ${[...used.matchAll(line)].map(([, memory]) => memory).join(' and ')}`;
    });
  }

  async stop(): Promise<void> {
    await this.run(findHelm().path!, ['uninstall', 'berth', '--namespace', NAMESPACE, '--wait', '--timeout=5m']);
    for (const release of this.released.reverse()) await release();
  }

  /** As many pods as there should be, all ready, none on its way, and none that was restarted: no fault of another is its own. */
  private async settled(service: Service): Promise<void> {
    let seen = '';
    await eventually(
      async () => {
        const wanted = Number(
          await this.kubectl('get', `deployment/berth-${service}`, '-o', 'jsonpath={.spec.replicas}'),
        );
        const pods = await this.pods(service);
        for (const { metadata, status } of pods) {
          if (!status.containerStatuses?.some(({ restartCount }) => restartCount > 0)) continue;
          throw new GiveUp(
            `${metadata.name} was restarted:\n${await this.kubectl('logs', metadata.name, '--previous')}`,
          );
        }
        const state = pods.map(
          (pod) => `${pod.metadata.name} ${pod.status.phase} ${isReady(pod) ? 'ready' : 'not ready'}`,
        );
        seen = `${wanted} wanted: ${state.join(', ')}`;
        return pods.length === wanted && pods.every((pod) => isReady(pod) && !pod.metadata.deletionTimestamp);
      },
      { what: `${service} is as it should be`, within: SETTLED_WITHIN, every: 500 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; ${seen}`, { cause: error });
    });
  }

  private async pods(service: Service): Promise<Pod[]> {
    const label = `--selector=app.kubernetes.io/component=${service}`;
    return (JSON.parse(await this.kubectl('get', 'pods', label, '-o', 'json')) as { items: Pod[] }).items;
  }

  /** Builds the images of this workspace on the Node.js that runs this, and loads them where kubelet looks for them. */
  private async loadImages(): Promise<void> {
    const client = dockerClients().find(({ found }) => found.path !== null)!.found.path!;
    const [engine, folder] = [await startDockerd(), tempFolder('berth-images')];
    try {
      await engine.docker(client, ['import', '-', 'berth-base:test'], { input: await baseImage() });
      const options = ['--base', 'berth-base:test', '--registry', IMAGES.registry, '--tag', IMAGES.tag];
      const env = { ...process.env, DOCKER_HOST: engine.host };
      await runCommand(process.execPath, ['tools/images.mjs', ...options], { cwd: ROOT, env, timeout: COMMAND_WITHIN });
      const names = [...SERVICES, 'migrate'].map((name) => `${IMAGES.registry}/berth-${name}:${IMAGES.tag}`);
      const archive = join(folder.path, 'images.tar');
      await engine.docker(client, ['save', '--output', archive, ...names], { timeout: COMMAND_WITHIN });
      const images = (...args: string[]) => {
        const all = ['--address', this.cluster.containerdSocket, '--namespace', 'k8s.io', 'images', ...args];
        return runCommand(requireProgram('ctr'), all, { env: process.env, timeout: COMMAND_WITHIN });
      };
      await images('import', archive);
      for (const name of names) await images('tag', name, name.replace(/[^:]*$/, NEXT_TAG));
    } finally {
      await engine.stop();
      folder.remove();
    }
  }

  /** Servers of a test listen on 127.0.0.1, which is another one in each pod: pods reach them by the node's address. */
  private async bridge(port: number): Promise<void> {
    const sockets = new Set<Socket>();
    const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (pod) => {
      const behind = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const [socket, other] of [
        [pod, behind],
        [behind, pod],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroySoon();
        });
        socket.pipe(other);
      }
    });
    await new Promise<void>((listening) => server.listen(port, this.cluster.node, listening));
    this.released.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    });
  }

  private async secret(name: string, values: Record<string, string>): Promise<void> {
    const literals = Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`);
    await this.kubectl('create', 'secret', 'generic', name, ...literals);
  }

  private async helm(verb: 'install' | 'upgrade', values: Record<string, unknown>): Promise<void> {
    const folder = tempFolder('berth-values');
    try {
      const file = join(folder.path, 'values.json');
      writeFileSync(file, JSON.stringify(values));
      const kept = verb === 'upgrade' ? ['--reuse-values'] : [];
      const args = [verb, 'berth', 'deploy/helm/berth', '--values', file, '--namespace', NAMESPACE, ...kept];
      await this.run(findHelm().path!, [...args, '--wait', '--timeout=10m']);
    } finally {
      folder.remove();
    }
  }

  private kubectl(...args: string[]): Promise<string> {
    return this.run(this.cluster.kubectl, ['--namespace', NAMESPACE, ...args]);
  }

  private async run(file: string, args: string[]): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', KUBECONFIG: this.cluster.kubeconfig };
    return (await runCommand(file, args, { cwd: ROOT, env, timeout: COMMAND_WITHIN + 60_000 })).stdout.trim();
  }
}

const readyCondition = ({ status }: Pod) => status.conditions?.find(({ type }) => type === 'Ready');
const isReady = (pod: Pod): boolean => readyCondition(pod)?.status === 'True';

function secondsToReady(pod: Pod): number {
  const startedAt = pod.status.containerStatuses?.[0]?.state.running?.startedAt ?? '';
  return (Date.parse(readyCondition(pod)?.lastTransitionTime ?? '') - Date.parse(startedAt)) / 1000;
}
