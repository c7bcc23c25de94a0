// What a cluster of one node is made of: programs of Debian, and Kubernetes, CoreDNS and metrics-server, built with Go.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const KUBERNETES = 'v1.34.4';
const METRICS_SERVER = 'v0.9.0';
const COREDNS = 'v1.13.1';

const PARTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'];

/** Where the built ones are kept, outside the checkout, as tools/clients.mjs keeps its own. */
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'berth', `kubernetes-${KUBERNETES}`);

/** Program -> the Debian package that has it. */
const OF_DEBIAN = {
  etcd: 'etcd-server',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  busybox: 'busybox-static',
  ip: 'iproute2',
  openssl: 'openssl',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
};

export const CNI_PLUGINS = '/usr/lib/cni';
const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** PATH with all of them. */
export const searchPath = () => [CACHE, process.env.PATH, ...FOLDERS].join(':');

export const builtProgram = (name) => join(CACHE, name);

export const findProgram = (name) =>
  searchPath()
    .split(':')
    .map((folder) => join(folder, name))
    .find(isProgram);

/** What a cluster lacks here, one line each; none: it can be started. */
export function missingForCluster() {
  if (process.platform !== 'linux') return ['Linux: a cluster needs its namespaces'];
  if (process.getuid() !== 0) return ['root: a cluster makes namespaces, mounts and bridges'];
  const missing = Object.entries(OF_DEBIAN)
    .filter(([name]) => !findProgram(name))
    .map(([name, debian]) => `${name}: apt-get install ${debian}`);
  if (!isProgram(join(CNI_PLUGINS, 'bridge'))) {
    missing.push(`${CNI_PLUGINS}/bridge: apt-get install containernetworking-plugins`);
  }
  const unbuilt = [...PARTS, 'coredns', 'metrics-server'].filter((name) => !isProgram(builtProgram(name)));
  return [...missing, ...unbuilt.map((name) => `${name}: npm run e2e:kubernetes -- --build`)];
}

/** Builds what is not there: ten minutes on two cores with empty caches. Unoptimised, which takes half the time and is fast enough. */
export function buildPrograms() {
  const missing = (names) => names.filter((name) => !isProgram(builtProgram(name)));
  mkdirSync(CACHE, { recursive: true });
  const parts = missing(PARTS);
  if (parts.length) buildKubernetes(parts);
  if (missing(['coredns']).length) buildCoreDns();
  if (missing(['metrics-server']).length) {
    inFolder((go) =>
      go(['install', ...FLAGS, '-ldflags', '-s -w', `sigs.k8s.io/metrics-server/cmd/metrics-server@${METRICS_SERVER}`]),
    );
  }
}

const FLAGS = ['-trimpath', '-gcflags=all=-N -l'];

function buildKubernetes(parts) {
  const [major, minor] = KUBERNETES.slice(1).split('.');
  // The version that the API server reports: charts ask for it.
  const variables = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) => [
    `-X ${path}.gitVersion=${KUBERNETES}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
  inFolder((go, folder) => {
    likeKubernetes(go, folder);
    go(['mod', 'edit', '-require', `k8s.io/kubernetes@${KUBERNETES}`]);
    const packages = parts.map((name) => `k8s.io/kubernetes/cmd/${name}`);
    go([
      'build',
      '-mod=mod',
      ...FLAGS,
      '-ldflags',
      ['-s', '-w', ...variables].join(' '),
      '-o',
      `${CACHE}/`,
      ...packages,
    ]);
  });
}

/** With the plugins of its configuration (addons.yaml) only: a fraction of what the whole program depends on. */
function buildCoreDns() {
  const plugins = ['cache', 'errors', 'health', 'kubernetes', 'log', 'ready', 'template'];
  const source = `package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
${plugins.map((name) => `	_ "github.com/coredns/coredns/plugin/${name}"`).join('\n')}
)

func main() {
	// The order in which a question passes them.
	dnsserver.Directives = []string{"health", "ready", "errors", "log", "cache", "template", "kubernetes"}
	coremain.Run()
}
`;
  inFolder((go, folder) => {
    likeKubernetes(go, folder);
    writeFileSync(join(folder, 'main.go'), source);
    go(['get', `github.com/coredns/coredns@${COREDNS}`]);
    go(['build', '-mod=mod', ...FLAGS, '-ldflags', '-s -w', '-o', builtProgram('coredns'), '.']);
  });
}

/**
 * A go.mod with the versions that Kubernetes is released with. Its own replaces the modules of its repository by folders;
 * they are published under the same number, as v0.
 */
function likeKubernetes(go, folder) {
  const { Dir: sources } = JSON.parse(go(['mod', 'download', '-json', `k8s.io/kubernetes@${KUBERNETES}`], 'pipe'));
  const published = `v0${KUBERNETES.slice('v1'.length)}`;
  const module = readFileSync(join(sources, 'go.mod'), 'utf8')
    .replace(/^module .*$/m, 'module berth.local/cluster')
    .replaceAll(/=> \.\/staging\/src\/(\S+)/g, `=> $1 ${published}`);
  writeFileSync(join(folder, 'go.mod'), module);
  writeFileSync(join(folder, 'go.sum'), readFileSync(join(sources, 'go.sum')));
}

/** Without cgo: what is linked with C needs its libraries in the image. */
function inFolder(work) {
  const program = findProgram('go') ?? ['/usr/local/go/bin/go'].find(isProgram);
  if (!program) throw new Error('go is not installed: Kubernetes is built with Go 1.26 or newer');
  const folder = mkdtempSync(join(tmpdir(), 'berth-build-'));
  const env = { ...process.env, CGO_ENABLED: '0', GOBIN: CACHE };
  const go = (args, stdout = 'inherit') => {
    console.log(`go ${args.join(' ')}`);
    const options = { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', stdout, 'inherit'] };
    const { status, error, stdout: said } = spawnSync(program, args, options);
    if (status !== 0) throw new Error(`go ${args[0]} ended with ${error?.message ?? status}; see above`);
    return said;
  };
  try {
    work(go, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
