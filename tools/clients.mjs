// Installs the servers and clients that the tests use, or says what is missing: Debian packages (as root) and Go programs.
// What is there already stays as it is; a second run does nothing. Builtins only: it runs before npm ci.
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Debian package -> a program of it. */
const PACKAGES = {
  'docker.io': '/usr/bin/docker',
  skopeo: '/usr/bin/skopeo',
  podman: '/usr/bin/podman',
  buildah: '/usr/bin/buildah',
  'nats-server': '/usr/sbin/nats-server',
  'busybox-static': '/bin/busybox',
  umoci: '/usr/bin/umoci',
  'docker-registry': '/usr/bin/docker-registry',
  runc: '/usr/sbin/runc',
};

/** Go programs, cheap ones first. MinIO is the last commit of its community edition. */
const GO_PROGRAMS = [
  { name: 'crane', module: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.20.6' },
  { name: 'regctl', module: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' },
  { name: 'minio', module: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' },
];

/** A docker client newer than Debian's; nothing here can install one. */
const NEW_DOCKER = '/usr/local/bin/docker';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'berth', 'bin');
const missing = [];

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(name) {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function installPackages() {
  const wanted = Object.entries(PACKAGES)
    .filter(([, program]) => !isProgram(program))
    .map(([name]) => name);
  if (wanted.length === 0) {
    console.log(`Debian packages: all ${Object.keys(PACKAGES).length} are there`);
    return;
  }
  const reason = !onPath('apt-get')
    ? 'this is no Debian machine'
    : process.getuid?.() !== 0
      ? 'apt-get needs root'
      : undefined;
  if (!reason) {
    console.log(`Debian packages: installing ${wanted.join(', ')}`);
    withoutStartingServices(() => {
      apt('update');
      // Without recommendations: they are for engines that manage a machine, which the tests do not have.
      apt('install', '--yes', '--no-install-recommends', ...wanted);
    });
  }
  for (const name of wanted) {
    if (!isProgram(PACKAGES[name])) missing.push(`${name}: ${reason ?? 'apt-get could not install it'}`);
  }
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) console.log(`apt-get ${args[0]} ended with ${status}`);
}

/** Debian starts a server when it installs one; the tests start their own. This file is how Debian is told. */
function withoutStartingServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/** Builds into `name@version` and points the link `name` at it, so that another version is built anew and kept beside it. */
async function installGoProgram({ name, module, version }) {
  const target = join(cache, `${name}@${version}`);
  if (!isProgram(target)) {
    const go = onPath('go') ?? (isProgram('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined);
    if (!go) {
      missing.push(`${name}: it is built with Go, which is not installed`);
      return;
    }
    const failure = await build(go, name, `${module}@${version}`, target);
    if (failure) {
      missing.push(`${name}: go install failed (${failure})`);
      return;
    }
  } else {
    console.log(`${name} ${version}: is there`);
  }
  const link = join(cache, name);
  const fresh = `${link}.${process.pid}`;
  symlinkSync(`${name}@${version}`, fresh);
  renameSync(fresh, link);
}

function build(go, name, what, target) {
  console.log(`${name}: go install ${what}`);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const folder = mkdtempSync(join(cache, `.${name}-`));
  const env = { ...process.env, GOBIN: folder };
  return new Promise((resolve) => {
    const child = spawn(go, ['install', '-v', what], { env, stdio: ['ignore', 'inherit', 'pipe'] });
    let packages = 0;
    let tail = [];
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text) => {
      const lines = text.split('\n').filter(Boolean);
      packages += lines.length;
      tail = [...tail, ...lines].slice(-15);
    });
    const progress = setInterval(() => console.log(`${name}: ${packages} packages after ${seconds()} s`), 15_000);
    const finish = (failure) => {
      clearInterval(progress);
      if (failure) console.log(tail.join('\n'));
      else {
        renameSync(join(folder, name), target);
        console.log(`${name}: built in ${seconds()} s`);
      }
      rmSync(folder, { recursive: true, force: true });
      resolve(failure);
    };
    child.once('error', (error) => finish(error.message));
    child.once('close', (code) => finish(code === 0 ? undefined : `exit code ${code}`));
  });
}

const started = Date.now();
installPackages();
mkdirSync(cache, { recursive: true });
for (const program of GO_PROGRAMS) await installGoProgram(program);
if (!isProgram(NEW_DOCKER))
  missing.push(`a new docker client: none at ${NEW_DOCKER}, and none to be had from Debian or Go`);
console.log(`Clients and servers for the tests: ${Math.round((Date.now() - started) / 1000)} s`);
for (const line of missing) console.log(`MISSING ${line}`);
// CI runs everything, so there nothing may be missing; elsewhere the tests say again what they leave out.
if (missing.length && process.env.CI) process.exitCode = 1;
