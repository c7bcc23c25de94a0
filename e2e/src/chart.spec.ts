import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { loadSettings } from '@berth/platform';
import { findHelm, firstReason, requireOrSkip, runCommand, tempFolder, tryCommand } from '@berth/testing';
import { Ajv } from 'ajv';
import { dump, load, loadAll } from 'js-yaml';

import { findGo, KUBERNETES_VERSION, KubernetesApi, type KubernetesObject } from './kubernetes-api.js';
import { NamespaceServer } from './namespace-server.js';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = join(ROOT, 'deploy/helm/berth');
const SERVICES = ['gateway', 'registry-v2', 'manage', 'auth', 'storage', 'gc-worker'];

const EXTERNAL = {
  postgresql: { existingSecret: 'db' },
  nats: { url: 'nats://nats.example:4222,nats://nats2.example:4222', existingSecret: 'nats', streamReplicas: 3 },
  objectStore: { endpoint: 'https://s3.example', existingSecret: 's3', bucket: 'images' },
};
const KEDA = { enabled: true, prometheus: 'http://prometheus.monitoring:9090' };
const SCRAPED = { metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] };
const PLACED = {
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'images', operator: 'Exists', effect: 'NoSchedule' }],
};
const ADDED = {
  podLabels: { team: 'images' },
  podAnnotations: { 'example.com/note': 'yes', 'prometheus.io/scrape': 'false' },
};
const ALTERED = {
  replicas: 3,
  shutdownSeconds: 60,
  config: { BERTH_DATABASE_POOL: 20 },
  ...ADDED,
  ...PLACED,
  topologySpread: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
  affinity: { nodeAffinity: {} },
  resources: { requests: { cpu: 0.5, memory: 268_435_456 }, limits: { memory: '1Gi' } },
};
const BALANCED = {
  externalTrafficPolicy: 'Local',
  loadBalancerSourceRanges: ['192.0.2.0/24', '2001:db8::/32'],
  loadBalancerClass: 'example.com/balancer',
};
const ofEach = (values: unknown) => Object.fromEntries(SERVICES.map((service) => [service, values]));

/** What people install, and each switch at least once. */
const MATRIX: Record<string, Record<string, unknown>> = {
  'a trial': { trial: { enabled: true } },
  'a trial on a database of its own': {
    trial: { enabled: true, storageClass: 'fast', ...PLACED },
    postgresql: EXTERNAL.postgresql,
  },
  'existing servers': EXTERNAL,
  'existing servers without a login, secrets of one’s own': {
    ...EXTERNAL,
    nats: { url: 'tls://nats.example:4222' },
    secretKey: { existingSecret: 'berth', key: 'key' },
    admin: { existingSecret: 'berth', passwordKey: 'password' },
  },
  'an ingress with TLS': {
    ...EXTERNAL,
    ingress: {
      enabled: true,
      className: 'nginx',
      host: 'registry.example',
      tlsSecret: 'registry-tls',
      annotations: { 'nginx.ingress.kubernetes.io/proxy-read-timeout': '60', 'cert-manager.io/cluster-issuer': 'le' },
    },
  },
  'an ingress of another kind': {
    ...EXTERNAL,
    ingress: { enabled: true, host: 'registry.example', controller: 'none' },
  },
  'everything scales': {
    ...EXTERNAL,
    services: {
      ...ofEach({
        autoscaling: { enabled: true, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } },
        maxUnavailable: '25%',
      }),
    },
  },
  'by another signal': {
    ...EXTERNAL,
    services: {
      gateway: {
        autoscaling: {
          enabled: true,
          metrics: [
            {
              type: 'Pods',
              pods: { metric: { name: 'berth_bytes' }, target: { type: 'AverageValue', averageValue: '50M' } },
            },
          ],
        },
      },
    },
  },
  'gc-worker by the age of its queue': {
    ...EXTERNAL,
    networkPolicy: SCRAPED,
    services: { 'gc-worker': { keda: KEDA } },
  },
  'transfers by their bytes': {
    ...EXTERNAL,
    networkPolicy: { enabled: false },
    services: { gateway: { keda: KEDA }, storage: { keda: KEDA } },
  },
  'everything else': {
    ...EXTERNAL,
    image: { registry: 'registry.example/team', tag: '1.2.3', pullPolicy: 'Always', pullSecrets: ['pull'] },
    publicUrl: 'https://registry.example',
    config: { BERTH_MAX_MANIFEST_BYTES: 4_194_304, BERTH_REDIRECT: true, BERTH_LOG_LEVEL: 'debug' },
    networkPolicy: SCRAPED,
    serviceAccount: { name: 'own' },
    extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/ca/ca.crt' }],
    extraVolumes: [{ name: 'ca', secret: { secretName: 'ca' } }],
    extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/ca' }],
    preStopSeconds: 10,
    migrate: { ...ADDED, ...PLACED, affinity: { nodeAffinity: {} } },
    services: {
      ...ofEach(ALTERED),
      gateway: { ...ALTERED, service: { type: 'NodePort', nodePort: 30_500, annotations: { a: 'b' } } },
    },
  },
  'a load balancer': {
    ...EXTERNAL,
    services: { gateway: { service: { ...BALANCED, type: 'LoadBalancer', nodePort: 30_500 } } },
  },
  'without network policies': { ...EXTERNAL, networkPolicy: { enabled: false } },
};

/** Values that cannot be meant, and what the sentence about them must name. */
const WRONG: [string, Record<string, unknown>, RegExp][] = [
  ['no PostgreSQL', { ...EXTERNAL, postgresql: {} }, /needs a PostgreSQL: set postgresql\.existingSecret/],
  ['no NATS', { ...EXTERNAL, nats: {} }, /needs a NATS: set nats\.url/],
  ['no object store', { ...EXTERNAL, objectStore: {} }, /needs an object store: set objectStore\.endpoint/],
  [
    'an object store without keys',
    { ...EXTERNAL, objectStore: { endpoint: 'https://s3' } },
    /objectStore\.existingSecret is not/,
  ],
  ['an ingress without a host', { ...EXTERNAL, ingress: { enabled: true } }, /ingress\.host is not set/],
  ['a value that does not exist', { ...EXTERNAL, postgres: {} }, /'postgres' not allowed/],
  ['a service that does not exist', { ...EXTERNAL, services: { gatway: {} } }, /'gatway' not allowed/],
  [
    'a setting with a value that is none',
    { ...EXTERNAL, services: { auth: { config: { BERTH_DATABASE_POOL: 'ten' } } } },
    /at '\/services\/auth\/config\/BERTH_DATABASE_POOL'/,
  ],
  [
    'a setting that does not exist',
    { ...EXTERNAL, config: { BERTH_PROT: 1 } },
    /at '\/config'.*'BERTH_PROT' not allowed/,
  ],
  ['a secret as a setting', { ...EXTERNAL, config: { BERTH_SECRET_KEY: 'x' } }, /'BERTH_SECRET_KEY' not allowed/],
  ['a password in the values', { ...EXTERNAL, admin: { password: 'x' } }, /'password' not allowed/],
  ['an address of NATS that is none', { ...EXTERNAL, nats: { url: 'nats.example:4222' } }, /at '\/nats\/url'/],
  [
    'two copies of a stream',
    { ...EXTERNAL, nats: { ...EXTERNAL.nats, streamReplicas: 2 } },
    /at '\/nats\/streamReplicas'.*1, 3, 5/,
  ],
  ['a negative count', { ...EXTERNAL, services: { auth: { replicas: -1 } } }, /at '\/services\/auth\/replicas'/],
  ['no grace', { ...EXTERNAL, services: { auth: { shutdownSeconds: 0 } } }, /at '\/services\/auth\/shutdownSeconds'/],
  [
    'fewer at most than at least',
    { ...EXTERNAL, services: { auth: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 2 } } } },
    /services\.auth\.autoscaling has a minReplicas above its maxReplicas/,
  ],
  [
    'two autoscalers',
    { ...EXTERNAL, services: { 'gc-worker': { autoscaling: { enabled: true }, keda: KEDA } } },
    /services\.gc-worker has both .* enable one of them/,
  ],
  [
    'two autoscalers of a gateway',
    { ...EXTERNAL, services: { gateway: { autoscaling: { enabled: true }, keda: KEDA } } },
    /services\.gateway has both .* enable one of them/,
  ],
  [
    'fewer at most than at least, with KEDA',
    { ...EXTERNAL, services: { storage: { keda: { ...KEDA, minReplicas: 3, maxReplicas: 2 } } } },
    /services\.storage\.keda has a minReplicas above its maxReplicas/,
  ],
  [
    'KEDA without its Prometheus',
    { ...EXTERNAL, services: { 'gc-worker': { keda: { enabled: true } } } },
    /keda\.prometheus is not set/,
  ],
  [
    'KEDA whose Prometheus may not look',
    { ...EXTERNAL, services: { 'gc-worker': { keda: KEDA } } },
    /metricsFrom lets nobody read metrics/,
  ],
  [
    'no gc-worker, by KEDA: who would say that there is garbage?',
    { ...EXTERNAL, networkPolicy: SCRAPED, services: { 'gc-worker': { keda: { ...KEDA, minReplicas: 0 } } } },
    /at '\/services\/gc-worker\/keda\/minReplicas'/,
  ],
  [
    'an amount of memory that is none',
    { ...EXTERNAL, services: { auth: { resources: { requests: { memory: '1 GB' } } } } },
    /at '\/services\/auth\/resources\/requests\/memory'/,
  ],
  ...Object.entries(BALANCED).map(([name, value]): [string, Record<string, unknown>, RegExp] => [
    `${name} of a service that only the cluster reaches`,
    { ...EXTERNAL, services: { gateway: { service: { [name]: value } } } },
    new RegExp(`services\\.gateway\\.service sets ${name}, and its type is ClusterIP`),
  ]),
  [
    'source ranges of a port of the node',
    { ...EXTERNAL, services: { gateway: { service: { type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.0/8'] } } } },
    /sets loadBalancerSourceRanges, and its type is NodePort: that needs LoadBalancer/,
  ],
  [
    'a source range that is none',
    {
      ...EXTERNAL,
      services: { gateway: { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.0.2.1'] } } },
    },
    /at '\/services\/gateway\/service\/loadBalancerSourceRanges\/0'/,
  ],
  ['a service less', { ...EXTERNAL, services: { gateway: null } }, /at '\/services': missing property 'gateway'/],
  ['no services', { ...EXTERNAL, services: null }, /missing property 'services'/],
  ['no migrations', { ...EXTERNAL, migrate: null }, /missing property 'migrate'/],
  [
    'a label that finds the pods of a service',
    { ...EXTERNAL, services: { auth: { podLabels: { 'app.kubernetes.io/component': 'auth2' } } } },
    /podLabels of auth has app\.kubernetes\.io\/component/,
  ],
  [
    'a label that the chart gives, for the migrations',
    { ...EXTERNAL, migrate: { podLabels: { 'helm.sh/chart': 'berth' } } },
    /podLabels of migrate has helm\.sh\/chart/,
  ],
  ...[0, '0', '0%', '00%', '101%'].map((maxUnavailable): [string, Record<string, unknown>, RegExp] => [
    `a disruption budget of ${JSON.stringify(maxUnavailable)}`,
    { ...EXTERNAL, services: { auth: { maxUnavailable } } },
    /at '\/services\/auth\/maxUnavailable'/,
  ]),
  ['no memory', { ...EXTERNAL, migrate: { resources: { limits: { memory: 0 } } } }, /at '\/migrate\/resources/],
  [
    'a port of the node without its type',
    { ...EXTERNAL, services: { gateway: { service: { type: 'ClusterIP', nodePort: 30_500 } } } },
    /services\.gateway\.service sets nodePort/,
  ],
  [
    'a host with a star',
    { ...EXTERNAL, ingress: { enabled: true, host: '*.registry.example' } },
    /at '\/ingress\/host'/,
  ],
  ['a setting past the settings', { ...EXTERNAL, extraEnv: [{ name: 'BERTH_PORT', value: '1' }] }, /at '\/extraEnv\/0/],
];

interface PodSpec {
  serviceAccountName: string;
  containers: Container[];
  initContainers?: Container[];
  volumes?: { name: string }[];
  terminationGracePeriodSeconds: number;
  enableServiceLinks: boolean;
  automountServiceAccountToken: boolean;
  securityContext: Record<string, unknown>;
}
interface Container {
  name: string;
  image: string;
  ports?: { name: string; containerPort: number }[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  volumeMounts?: { name: string; mountPath: string }[];
  securityContext: Record<string, unknown>;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
}
interface Deployment extends KubernetesObject {
  spec: {
    replicas?: number;
    selector: { matchLabels: Record<string, string> };
    template: { metadata: { labels: Record<string, string>; annotations?: Record<string, string> }; spec: PodSpec };
  };
}

const kinds = (objects: KubernetesObject[], kind: string) => objects.filter((object) => object.kind === kind);
interface ScrapeConfig {
  scrape_configs: { relabel_configs: { source_labels: string[]; regex: string; action?: string }[] }[];
}

/** What its ConfigMap says, which has its name. */
const settingsOf = (objects: KubernetesObject[], deployment: string): Record<string, string> =>
  kinds(objects, 'ConfigMap').find(({ metadata }) => metadata.name === deployment)!.data as Record<string, string>;

const helm = findHelm();
const go = findGo();

requireOrSkip('the Helm chart', firstReason(helm, go))('the Helm chart', () => {
  const folder = tempFolder('berth-chart');
  let api: KubernetesApi;
  const settings = [
    ...readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8').matchAll(/^\| `(BERTH_\w+)` +\| (\S+) +\| (.*)/gm),
  ];

  beforeAll(async () => {
    api = await KubernetesApi.load(go.path!);
  }, 600_000);
  afterAll(() => folder.remove());

  /** The values come as a file, which is where helm makes floats of integers. */
  async function render(values: Record<string, unknown>, ...options: string[]) {
    const file = join(folder.path, 'values.yaml');
    writeFileSync(file, dump(values));
    const args = [
      'template',
      'berth',
      CHART,
      '--namespace',
      'images',
      '--kube-version',
      KUBERNETES_VERSION,
      '--values',
      file,
    ];
    // No cluster of whoever runs this.
    return tryCommand(helm.path!, [...args, ...options], { env: { ...process.env, KUBECONFIG: '/dev/null' } });
  }
  async function objectsOf(values: Record<string, unknown>, ...options: string[]): Promise<KubernetesObject[]> {
    const { code, stdout, stderr } = await render(values, ...options);
    if (code !== 0) throw new Error(stderr);
    return (loadAll(stdout) as (KubernetesObject | null)[]).filter((object) => object !== null);
  }

  it('has nothing for helm to complain about', async () => {
    const args = ['lint', CHART, '--strict', '--set', 'trial.enabled=true'];
    const { stdout } = await runCommand(helm.path!, args, { env: process.env });
    expect(stdout).toContain('0 chart(s) failed');
  });

  it('would be found out: an object with a field that does not exist is no object of the API', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { prots: [] } };
    expect(api.troublesOf(service)).toEqual([expect.stringContaining('prots')]);
    expect(api.troublesOf({ ...service, spec: { ports: [{ port: 'http' }] } })).toEqual([
      expect.stringContaining('/spec/ports/0/port'),
    ]);
  });

  describe.each(Object.entries(MATRIX))('%s', (_name, values) => {
    let objects: KubernetesObject[];
    let deployments: Deployment[];
    beforeAll(async () => {
      objects = await objectsOf(values);
      deployments = kinds(objects, 'Deployment') as Deployment[];
    });

    it('is what the API server takes, object by object, each name once', () => {
      // KEDA's is a resource of its own.
      const known = objects.filter(({ kind }) => kind !== 'ScaledObject');
      expect(known.flatMap((object) => api.troublesOf(object))).toEqual([]);
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
    });

    it('has six services, none of which can do more than it needs to', () => {
      expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual(
        SERVICES.map((name) => `berth-${name}`).sort(),
      );
      for (const { spec } of deployments) {
        const pod = spec.template.spec;
        expect(pod).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
        expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
        for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
          expect(container.securityContext).toMatchObject({
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
          });
        }
        expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      }
    });

    it('gives a stopping pod the time that it may take', () => {
      for (const { metadata, spec } of deployments) {
        const { containers, terminationGracePeriodSeconds } = spec.template.spec;
        const { lifecycle } = containers[0]!;
        const own = settingsOf(objects, metadata.name);
        const [drain, shutdown] = ['BERTH_DRAIN_SECONDS', 'BERTH_SHUTDOWN_SECONDS'].map((name) =>
          Number(own[name]),
        ) as [number, number];
        expect(drain).toBeGreaterThan(0);
        expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
          lifecycle!.preStop.sleep.seconds + drain + shutdown + 10,
        );
      }
    });

    it('sets what is a setting, and secrets by reference alone', () => {
      const plain = new Set(settings.filter(([, , value]) => value !== 'secret').map(([, name]) => name));
      const all = new Set(settings.map(([, name]) => name));
      const given = deployments.flatMap(({ spec }) => spec.template.spec.containers[0]!.env ?? []);
      for (const { name, value, valueFrom } of given.filter((one) => one.name.startsWith('BERTH_'))) {
        expect(all).toContain(name);
        if (!plain.has(name)) expect(valueFrom !== undefined || /\$\(POSTGRES_PASSWORD\)/.test(value!)).toBe(true);
      }
      for (const [name, value] of deployments.flatMap(({ metadata }) =>
        Object.entries(settingsOf(objects, metadata.name)),
      )) {
        expect(plain).toContain(name);
        expect(value).not.toMatch(/e\+/);
      }
    });

    it('has a budget for each service, and an autoscaler only instead of a count', () => {
      const labels = deployments.map(({ spec }) => spec.selector.matchLabels);
      expect(
        kinds(objects, 'PodDisruptionBudget').map(
          ({ spec }) => (spec!['selector'] as Record<string, unknown>)['matchLabels'],
        ),
      ).toEqual(expect.arrayContaining(labels));
      const targets = [...kinds(objects, 'HorizontalPodAutoscaler'), ...kinds(objects, 'ScaledObject')].map(
        ({ spec }) => (spec!['scaleTargetRef'] as { name: string }).name,
      );
      for (const { metadata, spec } of deployments) {
        expect(spec.replicas === undefined).toBe(targets.includes(metadata.name));
      }
    });

    it('migrates in a job, for which every pod with a database waits', () => {
      const [job, ...others] = kinds(objects, 'Job');
      expect(others).toEqual([]);
      expect(JSON.stringify(job)).toContain('["deploy","--wait"]');
      // It finishes at SIGTERM what it applies.
      expect((job!.spec as Deployment['spec']).template.spec.terminationGracePeriodSeconds).toBe(3_600);
      for (const { metadata, spec } of deployments) {
        const waits = spec.template.spec.initContainers?.map(({ image }) => image) ?? [];
        expect(waits).toEqual(metadata.name === 'berth-gateway' ? [] : [expect.stringMatching(/berth-migrate:/)]);
      }
    });
  });

  it('lets large pushes through an ingress, and what somebody says himself stands', async () => {
    const [ingress] = kinds(await objectsOf(MATRIX['an ingress with TLS']!), 'Ingress');
    expect(ingress!.metadata.annotations).toEqual({
      'nginx.ingress.kubernetes.io/proxy-body-size': '0',
      'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-http-version': '1.1',
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '60',
      'nginx.ingress.kubernetes.io/proxy-send-timeout': '900',
      'cert-manager.io/cluster-issuer': 'le',
    });
    expect(settingsOf(await objectsOf(MATRIX['an ingress with TLS']!), 'berth-gateway')).toMatchObject({
      BERTH_PUBLIC_URL: 'https://registry.example',
    });
  });

  it.each([
    ['a trial', ['admin-password', 'minio-password', 'postgres-password', 'secret-key']],
    ['a trial on a database of its own', ['admin-password', 'minio-password', 'secret-key']],
    ['existing servers', ['admin-password', 'secret-key']],
    ['existing servers without a login, secrets of one’s own', []],
  ])('generates of secrets what nobody names: %s', async (values, keys) => {
    const secrets = kinds(await objectsOf(MATRIX[values]!), 'Secret');
    expect(secrets.flatMap(({ data }) => Object.keys(data!)).sort()).toEqual(keys);
    expect(secrets).toHaveLength(keys.length === 0 ? 0 : 1);
  });

  it('opens a load balancer as it is told to', async () => {
    const services = kinds(await objectsOf(MATRIX['a load balancer']!), 'Service');
    const { spec } = services.find(({ metadata }) => metadata.name === 'berth')!;
    expect(spec).toMatchObject({ ...BALANCED, type: 'LoadBalancer', ports: [{ port: 5000, nodePort: 30_500 }] });
  });

  it('brings along what is not named, and nothing else', async () => {
    const names = async (values: string) =>
      kinds(await objectsOf(MATRIX[values]!), 'StatefulSet')
        .map(({ metadata }) => metadata.name)
        .sort();
    expect(await names('a trial')).toEqual(['berth-minio', 'berth-nats', 'berth-postgresql']);
    expect(await names('a trial on a database of its own')).toEqual(['berth-minio', 'berth-nats']);
    expect(await names('existing servers')).toEqual([]);
  });

  it.each([
    ['transfers by their bytes', 'gateway', ['cpu', 'sum(berth_http_bytes_in_flight{namespace="images"})']],
    ['transfers by their bytes', 'storage', ['cpu', 'sum(berth_blob_bytes_in_flight{namespace="images"})']],
    [
      'gc-worker by the age of its queue',
      'gc-worker',
      ['manifest', 'link', 'object'].map((kind) => `max(berth_garbage_oldest_${kind}_seconds{namespace="images"})`),
    ],
  ])('asks Prometheus for metrics that there are: %s, of %s', async (values, service, signals) => {
    const scaled = kinds(await objectsOf(MATRIX[values]!), 'ScaledObject');
    const own = scaled.find(({ metadata }) => metadata.name === `berth-${service}`)!;
    const triggers = own.spec!['triggers'] as { type: string; metadata: { query?: string; threshold?: string } }[];
    expect(triggers.map(({ type, metadata }) => metadata.query ?? type)).toEqual(signals);
    const known = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
    for (const { metadata } of triggers.filter(({ type }) => type === 'prometheus')) {
      expect(known).toContain(`| \`${/berth_\w+/.exec(metadata.query!)![0]}\` | gauge |`);
      expect(metadata.threshold).toMatch(/^[0-9]+$/);
    }
  });

  it('is scraped as deploy/monitoring says: what runs, at its internal port, and no other pod', async () => {
    const [config] = [
      ...readFileSync(join(ROOT, 'deploy/monitoring/README.md'), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms),
    ].flatMap(([, yaml]) => (yaml!.includes('kubernetes_sd_configs') ? [load(yaml!) as ScrapeConfig] : []));
    const kept = config!.scrape_configs[0]!.relabel_configs.filter(({ action }) => action === 'keep');
    const objects = await objectsOf(MATRIX['a trial']!);
    const pods = ['Deployment', 'StatefulSet', 'Job'].flatMap((kind) => kinds(objects, kind)) as Deployment[];
    const targets = (phase: string) =>
      pods.flatMap(({ metadata, spec: { template } }) =>
        template.spec.containers
          .flatMap(({ ports }) => ports ?? [])
          .filter((port) => {
            const labels: Record<string, string> = {
              __meta_kubernetes_pod_label_app_kubernetes_io_name: template.metadata.labels['app.kubernetes.io/name']!,
              __meta_kubernetes_pod_container_port_name: port.name,
              __meta_kubernetes_pod_phase: phase,
            };
            return kept.every(({ source_labels, regex }) =>
              new RegExp(`^(?:${regex})$`).test(source_labels.map((label) => labels[label]).join(';')),
            );
          })
          .map((port) => `${metadata.name}:${port.containerPort}`),
      );
    expect(targets('Running').sort()).toEqual(SERVICES.map((name) => `berth-${name}:5001`).sort());
    expect(['Pending', 'Failed', 'Succeeded'].flatMap(targets)).toEqual([]);
  });

  it('has names of its own in NATS, which Berth takes, however long those of the release are', async () => {
    const prefixOf = async (values: Record<string, unknown>, ...options: string[]) => {
      const { stdout } = await render({ ...EXTERNAL, ...values }, ...options);
      const objects = (loadAll(stdout) as (KubernetesObject | null)[]).filter((object) => object !== null);
      const [prefix, ...others] = new Set(
        SERVICES.map((name) => settingsOf(objects, `berth-${name}`)['BERTH_NATS_PREFIX']),
      );
      expect(others).toEqual([]);
      return prefix!;
    };
    expect(await prefixOf({})).toBe('images-berth');
    expect(await prefixOf({ nats: { ...EXTERNAL.nats, prefix: 'staging' } })).toBe('staging');
    const long = ['one', 'two']
      .map((end) => 'n'.repeat(40) + end)
      .map((namespace) => prefixOf({}, '--namespace', namespace));
    for (const prefix of await Promise.all(long)) expect(prefix).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(await long[0]).not.toBe(await long[1]);
  });

  it('lets PostgreSQL of a trial set itself up, which it does over a socket, on a file system that is only read', async () => {
    const sets = kinds(await objectsOf(MATRIX['a trial']!), 'StatefulSet');
    const { template } = sets.find(({ metadata }) => metadata.name === 'berth-postgresql')!.spec as {
      template: { spec: { containers: { args: string[]; volumeMounts: { mountPath: string }[] }[] } };
    };
    const [container] = template.spec.containers;
    expect(container!.args.join(' ')).not.toContain('unix_socket_directories');
    expect(container!.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/var/run/postgresql');
  });

  it('gives every container what it is told to beside the settings, migrations included', async () => {
    const objects = await objectsOf(MATRIX['everything else']!);
    const pods = [...kinds(objects, 'Deployment'), ...kinds(objects, 'Job')].map(
      ({ spec }) => (spec as Deployment['spec']).template.spec,
    );
    for (const container of pods.flatMap((pod) => [...pod.containers, ...(pod.initContainers ?? [])])) {
      expect(container.env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/ca/ca.crt' });
      expect(container.volumeMounts).toContainEqual({ name: 'ca', mountPath: '/etc/ca' });
    }
    for (const pod of pods) expect(pod.volumes).toContainEqual({ name: 'ca', secret: { secretName: 'ca' } });
  });

  it('places every pod where it is told to, with labels and annotations, migrations included', async () => {
    const objects = await objectsOf(MATRIX['everything else']!);
    const pods = [...kinds(objects, 'Deployment'), ...kinds(objects, 'Job')] as Deployment[];
    expect(pods).toHaveLength(SERVICES.length + 1);
    for (const { spec } of pods) {
      const { metadata, spec: pod } = spec.template;
      expect(pod).toMatchObject({ ...PLACED, affinity: { nodeAffinity: {} } });
      expect(metadata).toMatchObject({ labels: ADDED.podLabels, annotations: ADDED.podAnnotations });
      expect(metadata.labels).toHaveProperty(['app.kubernetes.io/name'], 'berth');
    }
    const trial = kinds(await objectsOf(MATRIX['a trial on a database of its own']!), 'StatefulSet') as Deployment[];
    expect(trial).toHaveLength(2);
    for (const { spec } of trial) expect(spec.template.spec).toMatchObject(PLACED);
  });

  it('gives a changed job another name, and pods that start anew when a setting changes', async () => {
    const of = async (values: Record<string, unknown>) => {
      const objects = await objectsOf({ ...EXTERNAL, ...values });
      return {
        job: kinds(objects, 'Job')[0]!.metadata.name,
        pods: JSON.stringify((kinds(objects, 'Deployment')[0] as Deployment).spec.template),
      };
    };
    const before = await of({});
    expect(await of({})).toEqual(before);
    expect((await of({ image: { tag: '2.0.0' } })).job).not.toBe(before.job);
    expect((await of({ config: { BERTH_LOG_LEVEL: 'debug' } })).pods).not.toBe(before.pods);
    const anew = async (values: Record<string, unknown>) => {
      const templates = async (given: Record<string, unknown>) =>
        new Map(
          (kinds(await objectsOf({ ...EXTERNAL, ...given }), 'Deployment') as Deployment[]).map(
            ({ metadata, spec }) => [metadata.name, JSON.stringify(spec.template)],
          ),
        );
      const [now, then] = [await templates({}), await templates(values)];
      return [...then].filter(([name, template]) => now.get(name) !== template).map(([name]) => name);
    };
    expect(await anew({ services: { storage: { config: { BERTH_LOG_LEVEL: 'debug' } } } })).toEqual(['berth-storage']);
    expect(await anew({ config: { BERTH_LOG_LEVEL: 'debug' } })).toHaveLength(SERVICES.length);
  });

  it('gives each service an account of its own, and one the role that only it has', async () => {
    const accounts = (objects: KubernetesObject[]) =>
      kinds(objects, 'ServiceAccount').map(({ metadata }) => [metadata.name, metadata.annotations ?? {}]);
    const services = { storage: { serviceAccountAnnotations: { role: 'blobs' } } };
    const objects = await objectsOf({ ...EXTERNAL, serviceAccount: { annotations: { of: 'all' } }, services });
    const expected = [...SERVICES, 'migrate'].map((name) => [
      `berth-${name}`,
      name === 'storage' ? { of: 'all', role: 'blobs' } : { of: 'all' },
    ]);
    expect(accounts(objects).sort()).toEqual(expected.sort());
    const used = [...kinds(objects, 'Deployment'), ...kinds(objects, 'Job')].map(
      ({ spec }) => (spec as Deployment['spec']).template.spec.serviceAccountName,
    );
    expect(used.sort()).toEqual(expected.map(([name]) => name).sort());
    expect(accounts(await objectsOf({ ...EXTERNAL, serviceAccount: { name: 'own' } }))).toEqual([]);
  });

  it.each(['my.berth', '2berth'])('refuses the name %s of a release with a sentence', async (name) => {
    const args = ['template', name, CHART, '--set', 'trial.enabled=true', '--kube-version', KUBERNETES_VERSION];
    const { code, stderr } = await tryCommand(helm.path!, args, { env: process.env });
    expect(stderr).toContain(`the release is named ${name}`);
    expect(code).toBe(1);
  });

  it.each(WRONG)('refuses %s with a sentence', async (_what, values, sentence) => {
    const { code, stderr } = await render(values);
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
  });

  describe('for somebody who has rights in its namespace alone', () => {
    let cluster: NamespaceServer;
    let there: string[];
    beforeAll(async () => {
      cluster = await NamespaceServer.start('images');
      there = ['--dry-run=server', '--kube-apiserver', cluster.url];
    });
    afterAll(() => cluster.close());

    const secret = (name: string, ...keys: string[]): KubernetesObject => ({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name } },
      data: Object.fromEntries(keys.map((key) => [key, 'dmFsdWU='])),
    });
    const SECRETS = [secret('db', 'url'), secret('nats', 'user', 'password'), secret('s3', 'access-key', 'secret-key')];

    it.each([
      ['none of the secrets', [], /postgresql\.existingSecret names the secret db, and namespace images has none/],
      [
        'a secret less',
        SECRETS.slice(0, 2),
        /objectStore\.existingSecret names the secret s3, .* access-key, secret-key/,
      ],
      [
        'a key less',
        [secret('db', 'URL'), ...SECRETS.slice(1)],
        /secret db of postgresql\.existingSecret has no key url/,
      ],
    ])('refuses with a sentence where there is %s', async (_what, objects, sentence) => {
      cluster.objects = objects;
      const { code, stderr } = await render(EXTERNAL, ...there);
      expect(stderr).toMatch(sentence);
      expect(code).toBe(1);
    });

    it('is made where all of them are, and so is a trial, which needs none', async () => {
      cluster.objects = SECRETS;
      expect(kinds(await objectsOf(EXTERNAL, ...there), 'Deployment')).toHaveLength(SERVICES.length);
      cluster.objects = [];
      expect(kinds(await objectsOf(MATRIX['a trial']!, ...there), 'Deployment')).toHaveLength(SERVICES.length);
    });

    it('keeps the secrets that it has generated, also what is not needed any more', async () => {
      const generated = secret('berth-generated', 'secret-key', 'postgres-password');
      cluster.objects = [...SECRETS, generated];
      const [{ metadata, data }] = kinds(await objectsOf(EXTERNAL, ...there), 'Secret') as [KubernetesObject];
      expect(data).toEqual({ ...generated.data, 'admin-password': expect.stringMatching(/^[\w+/]+=*$/) as string });
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    });

    it.each([
      ['gateway', { autoscaling: { enabled: true, minReplicas: 2 } }, 7, 7],
      ['gateway', { autoscaling: { enabled: true, minReplicas: 2 } }, 0, 2],
      ['gc-worker', { keda: { ...KEDA, minReplicas: 1 } }, 3, 3],
      ['gc-worker', { keda: { ...KEDA, minReplicas: 1 } }, 0, 1],
      ['gateway', { replicas: 2 }, 7, 2],
    ])('gives %s with %j, of which %i run, the count %i', async (service, own, running, count) => {
      const name = `berth-${service}`;
      cluster.objects = [
        ...SECRETS,
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas: running } },
      ];
      const values = { ...EXTERNAL, networkPolicy: SCRAPED, services: { [service]: own } };
      const deployments = kinds(await objectsOf(values, ...there), 'Deployment') as Deployment[];
      expect(deployments.find(({ metadata }) => metadata.name === name)!.spec.replicas).toBe(count);
    });
  });

  describe('settings', () => {
    const { definitions } = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as {
      definitions: { config: { properties: Record<string, { minimum?: number; maximum?: number }> } };
    };
    const { properties } = definitions.config;

    it('takes every setting that is no secret and that no other value has', () => {
      const elsewhere = new Set([
        ...['BERTH_HOST', 'BERTH_PORT', 'BERTH_INTERNAL_HOST', 'BERTH_INTERNAL_PORT', 'BERTH_PUBLIC_URL', 'BERTH_URL'],
        ...[
          'BERTH_SHUTDOWN_SECONDS',
          'BERTH_DRAIN_SECONDS',
          'BERTH_DATA_DIR',
          'BERTH_BLOB_STORE',
          'BERTH_DATA_PLANE_URL',
        ],
        ...['BERTH_NATS_URL', 'BERTH_NATS_USER', 'BERTH_NATS_PREFIX', 'BERTH_NATS_STREAM_REPLICAS'],
        ...['BERTH_S3_ENDPOINT', 'BERTH_S3_REGION', 'BERTH_S3_BUCKET', 'BERTH_S3_ACCESS_KEY'],
      ]);
      const free = settings
        .filter(([, name, value]) => value !== 'secret' && !elsewhere.has(name!))
        .map(([, name]) => name!);
      expect(Object.keys(properties).sort()).toEqual(free.sort());
    });

    const ajv = new Ajv({ strict: false }).addSchema({ $id: 'values', definitions });
    const taken = (variable: string, value: unknown) =>
      ajv.validate({ $ref: `values#/definitions/config/properties/${variable}` }, value);
    /** By Berth itself. */
    const valid = (variable: string, text: string) => {
      try {
        loadSettings({ [variable]: text });
        return true;
      } catch (error) {
        return !(error as Error).message.includes(`${variable}=${text} is not valid`);
      }
    };
    const TEXTS = [
      ...['', 'ten', 'loud', 'debug', 'keep', 'yes', 'a b', 'Library', '1.5', '1e3', '10s', '-1', 'a,,b', 'curl/,oras'],
      ...['http://collector:4318', 'https://s3.example/', 's3.example', 'registry.example:5000', 'ftp://s3.example'],
      ...['10.0.0.0/8', '10.0.0.1, 2001:db8::/32', '10.0.0.0/8;10.1.0.0/16', '[2001:db8::1]:5000'],
    ];

    it.each(Object.entries(properties))('takes for %s what Berth takes', (variable, { minimum = 0, maximum = 1 }) => {
      const [, , shown, meaning] = settings.find(([, name]) => name === variable)!;
      const byDefault = shown!.replaceAll('`', '');
      for (const text of [...TEXTS, byDefault, ...meaning!.match(/[a-z]\w*/g)!]) {
        expect([text, taken(variable, text)]).toEqual([text, valid(variable, text)]);
      }
      const integer = /^\d+$/.test(byDefault) || taken(variable, minimum);
      for (const value of integer ? [minimum - 1, minimum, maximum, maximum + 1] : []) {
        expect([value, taken(variable, value)]).toEqual([value, valid(variable, String(value))]);
      }
      if (/^(true|false)$/.test(byDefault)) {
        for (const value of [true, false]) expect(taken(variable, value) && taken(variable, String(value))).toBe(true);
      } else expect(taken(variable, true)).toBe(false);
    });
  });
});
