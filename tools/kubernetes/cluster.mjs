// A Kubernetes of one node: etcd, API server, controller manager, scheduler, containerd, kubelet, kube-proxy, CoreDNS and
// metrics-server. It has a network, mounts and process ids of its own: the machine's routes, rules and ports stay as they are,
// and with the first of its processes all of them end, pods as well. Nothing leads out of it or in.
import { createHash } from 'node:crypto';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tarArchive } from '@berth/testing';
import { makeKeys } from './keys.mjs';
import { API_SERVICE, NODE, nodeFiles, PAUSE_IMAGE, SERVICES } from './node-files.mjs';
import { builtProgram, findProgram, searchPath } from './programs.mjs';

const ADDONS = fileURLToPath(new URL('addons.yaml', import.meta.url));
/** What kubelet changes of the machine. */
const SYSCTLS = [
  ...['vm.overcommit_memory', 'vm.panic_on_oom', 'kernel.panic', 'kernel.panic_on_oops'],
  ...['kernel.keys.root_maxkeys', 'kernel.keys.root_maxbytes'],
];
/** Paths that kubelet, containerd and CNI do not let anybody choose: empty file systems of the cluster's own hide them. */
const FIXED = ['/var/lib/kubelet', '/var/lib/cni', '/var/log/containers', '/run/containerd'];
const START_MS = 120_000;

export class Cluster {
  constructor(say) {
    this.say = say;
    /** Short: kubelet makes sockets below it, and the path of a socket has 107 characters at most. */
    this.folder = mkdtempSync('/tmp/berth-k8s-');
    this.made = [];
    this.started = Date.now();
  }

  /** One at a time on a machine: the control groups of pods have one name. */
  static async start(say = () => undefined) {
    const other = podGroups();
    if (other.length) throw new Error(`another cluster runs on this machine, or was not cleaned up: ${other[0]}`);
    const cluster = new Cluster(say);
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get kubeconfig() {
    return join(this.folder, 'keys/admin.kubeconfig');
  }

  /** By which images are loaded: `ctr --address SOCKET --namespace k8s.io images import FILE`. */
  get containerdSocket() {
    return join(this.folder, 'containerd.sock');
  }

  /** The command that runs another one in the cluster's network, and otherwise as ever. */
  inNetwork(program, ...args) {
    return ['nsenter', '--net', '--target', String(this.init), '--', program, ...args];
  }

  /** Ends everything, removes its files, and puts back what it changed of the machine. */
  async stop() {
    if (this.holder) {
      this.stopping = true;
      this.holder.kill('SIGKILL');
      await until('the end of the processes', () => !existsSync(`/proc/${this.init ?? this.holder.pid}`));
    }
    await until('the end of the pods', () => podGroups().every(removeGroups));
    for (const [name, value] of Object.entries(this.sysctls ?? {})) writeSysctl(name, value);
    for (const path of this.made.reverse()) rmdirSync(path);
    const mounts = readFileSync('/proc/mounts', 'utf8');
    if (mounts.includes(` ${this.folder}/`)) throw new Error(`something is mounted below ${this.folder}: it stays`);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start() {
    makeKeys(join(this.folder, 'keys'), { server: `https://${NODE}:6443`, node: NODE, service: API_SERVICE });
    for (const [name, content] of Object.entries(nodeFiles(this.folder))) {
      const path = join(this.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
    mkdirSync(join(this.folder, 'logs'));
    this.#say('keys and files are made');
    await this.#isolate();
    await this.#startControlPlane();
    await this.#startNode();
    await this.#startAddons();
  }

  /** The first process is a shell, which waits for those that daemons leave behind; it ends when this one does, however that is. */
  async #isolate() {
    if (!existsSync('/proc/sys/net/bridge')) spawnSync('modprobe', ['br_netfilter'], { env: env() });
    this.sysctls = Object.fromEntries(SYSCTLS.map((name) => [name, readSysctl(name)]));
    for (const path of FIXED.filter((path) => !existsSync(path))) {
      mkdirSync(path);
      this.made.push(path);
    }
    const own = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
    const args = ['--pdeathsig', 'KILL', 'unshare', ...own, 'bash', '-c', 'while :; do sleep 3600 & wait; done'];
    this.holder = spawn('setpriv', args, { env: env(), stdio: 'ignore', detached: true });
    const children = `/proc/${this.holder.pid}/task/${this.holder.pid}/children`;
    this.init = await until('the namespaces', () => Number(readFileSync(children, 'utf8').trim().split(' ')[0]));
    // The child has its own namespaces before it becomes the shell.
    await until('the shell', () => readFileSync(`/proc/${this.init}/comm`, 'utf8') === 'bash\n');
    this.#inside(
      'sh',
      '-ec',
      [
        'mount --make-rshared /',
        ...FIXED.map((path) => `mount -t tmpfs none ${path}`),
        'ip link set lo up',
        'ip link add node0 type bridge',
        `ip addr add ${NODE}/24 dev node0`,
        'ip link set node0 up',
        // Without a way out the addresses of services would be unreachable before any rule is asked.
        'ip route add default via 10.243.0.254',
        'sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1',
      ].join('\n'),
    );
  }

  async #startControlPlane() {
    const key = (name) => join(this.folder, 'keys', name);
    // Nothing of it needs to survive.
    this.#daemon('etcd', '--data-dir', join(this.folder, 'etcd'), '--unsafe-no-fsync');
    await this.#until('etcd', () => this.#listens(2379));
    this.#daemon(
      'kube-apiserver',
      '--etcd-servers=http://127.0.0.1:2379',
      `--bind-address=${NODE}`,
      `--advertise-address=${NODE}`,
      `--service-cluster-ip-range=${SERVICES}`,
      `--tls-cert-file=${key('apiserver.crt')}`,
      `--tls-private-key-file=${key('apiserver.key')}`,
      `--client-ca-file=${key('ca.crt')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-signing-key-file=${key('service-account.key')}`,
      `--service-account-key-file=${key('service-account.key')}`,
      `--kubelet-client-certificate=${key('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${key('apiserver-kubelet.key')}`,
      `--kubelet-certificate-authority=${key('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
      // metrics-server is a part of the API, and these are how it knows who asks.
      `--requestheader-client-ca-file=${key('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${key('front-proxy.crt')}`,
      `--proxy-client-key-file=${key('front-proxy.key')}`,
    );
    await this.#until('the API server', () => this.#kubectl('get', '--raw', '/readyz'));
    const as = (name) => [
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (option) => `--${option}=${key(`${name}.kubeconfig`)}`,
      ),
      '--bind-address=127.0.0.1',
      '--leader-elect=false',
    ];
    this.#daemon(
      'kube-controller-manager',
      ...as('kube-controller-manager'),
      '--use-service-account-credentials',
      `--service-account-private-key-file=${key('service-account.key')}`,
      `--root-ca-file=${key('ca.crt')}`,
      // By default an autoscaler takes five minutes for the way down.
      '--horizontal-pod-autoscaler-sync-period=5s',
      '--horizontal-pod-autoscaler-downscale-stabilization=20s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=10s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=30s',
    );
    this.#daemon('kube-scheduler', ...as('kube-scheduler'));
    await this.#until('the controller manager', () => this.#listens(10257));
    await this.#until('the scheduler', () => this.#listens(10259));
  }

  async #startNode() {
    this.#daemon('containerd', '--config', join(this.folder, 'containerd.toml'));
    await this.#until('containerd', () => this.#ctr('version'));
    this.#load(PAUSE_IMAGE, findProgram('busybox'), ['sleep', 'inf'], '65535');
    for (const name of ['coredns', 'metrics-server']) this.#load(`docker.io/cluster/${name}:1`, builtProgram(name));
    this.#say('the images of the cluster itself are loaded');
    this.#daemon(
      'kubelet',
      `--config=${join(this.folder, 'kubelet.json')}`,
      `--kubeconfig=${join(this.folder, 'keys/kubelet.kubeconfig')}`,
      `--root-dir=${join(this.folder, 'kubelet')}`,
      `--cert-dir=${join(this.folder, 'kubelet-keys')}`,
      '--hostname-override=node',
      `--node-ip=${NODE}`,
    );
    this.#daemon('kube-proxy', `--config=${join(this.folder, 'kube-proxy.json')}`, '--hostname-override=node');
    await this.#until('the node', () => this.#kubectl('wait', '--for=condition=Ready', 'node/node', '--timeout=1s'));
  }

  async #startAddons() {
    this.#kubectl('apply', '-f', ADDONS);
    for (const name of ['coredns', 'metrics-server']) {
      const ready = ['--namespace=kube-system', 'rollout', 'status', `deployment/${name}`, '--timeout=1s'];
      await this.#until(name, () => this.#kubectl(...ready));
    }
  }

  /** Loads an image that is one program, under its own name: busybox goes by it. */
  #load(reference, program, args = [], user = '0') {
    const name = basename(program);
    const layer = tarArchive([
      { path: 'tmp', mode: 0o1777 },
      { path: name, content: readFileSync(program), mode: 0o755 },
    ]);
    const config = JSON.stringify({
      os: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      config: { Entrypoint: [`/${name}`, ...args], User: user },
      rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
    });
    const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }]);
    const archive = tarArchive([
      { path: 'config.json', content: config },
      { path: 'layer.tar', content: layer },
      { path: 'manifest.json', content: manifest },
    ]);
    const path = join(this.folder, 'image.tar');
    writeFileSync(path, archive);
    this.#ctr('images', 'import', path);
    rmSync(path);
  }

  #daemon(name, ...args) {
    const log = openSync(join(this.folder, 'logs', name), 'a');
    const inside = ['--net', '--mount', '--pid', '--target', String(this.init), '--', findProgram(name), ...args];
    // A process group of its own: Ctrl-C is for this program, which ends them in order.
    const child = spawn('nsenter', inside, { env: env(), stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.once('exit', (code) => {
      if (!this.stopping) this.failure ??= new Error(`${name} ended with ${code}:\n${this.#logTail(name)}`);
    });
  }

  #logTail(name) {
    return readFileSync(join(this.folder, 'logs', name), 'utf8')
      .split('\n')
      .slice(-15)
      .join('\n');
  }

  #inside(...command) {
    const options = { env: env(), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };
    return execFileSync(
      'nsenter',
      ['--net', '--mount', '--pid', '--target', String(this.init), '--', ...command],
      options,
    );
  }

  #kubectl(...args) {
    const [file, ...all] = this.inNetwork(builtProgram('kubectl'), '--kubeconfig', this.kubeconfig, ...args);
    return execFileSync(file, all, { env: env(), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  }

  #ctr(...args) {
    const all = ['--address', this.containerdSocket, '--namespace', 'k8s.io', ...args];
    return execFileSync('ctr', all, { env: env(), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  }

  #listens(port) {
    return this.#inside('bash', '-c', `</dev/tcp/127.0.0.1/${port}`) === '';
  }

  async #until(what, check) {
    await until(what, () => {
      if (this.failure) throw Object.assign(this.failure, { isFinal: true });
      return check();
    });
    this.#say(`${what}: there`);
  }

  #say(what) {
    this.say(`${((Date.now() - this.started) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  }
}

const env = () => ({ ...process.env, PATH: searchPath() });

/** Gives what `check` gives, as soon as that is something and no error. */
async function until(what, check) {
  for (const end = Date.now() + START_MS; ; await delay(100)) {
    try {
      const found = check();
      if (found) return found;
      if (Date.now() > end) throw new Error('it is not');
    } catch (error) {
      if (error.isFinal || Date.now() > end) {
        throw new Error(`${what}, waited for ${START_MS / 1000} s: ${error.stderr || error.message}`, { cause: error });
      }
    }
  }
}

const sysctlFile = (name) => `/proc/sys/${name.replaceAll('.', '/')}`;
const readSysctl = (name) => readFileSync(sysctlFile(name), 'utf8').trim();
const writeSysctl = (name, value) => {
  if (readSysctl(name) !== value) writeFileSync(sysctlFile(name), value);
};

const CONTROL_GROUPS = '/sys/fs/cgroup';
/** One, or one of each controller. */
const podGroups = () =>
  [CONTROL_GROUPS, ...readdirSync(CONTROL_GROUPS).map((name) => join(CONTROL_GROUPS, name))]
    .map((folder) => join(folder, 'kubepods'))
    .filter((path) => existsSync(path));

/** Control groups, from the innermost; one that still has a process cannot be removed. */
function removeGroups(path) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroups(join(path, entry.name));
  }
  rmdirSync(path);
  return true;
}
