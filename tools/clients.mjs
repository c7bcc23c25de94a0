// Installs the servers and clients that the tests use, or says what is missing: Debian packages (as root), Go programs and
// Python clients. What is there already stays as it is; a second run does nothing. Builtins only: it runs before npm ci.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
  containerd: '/usr/bin/containerd',
  'python3-pip': '/usr/bin/pip3',
  curl: '/usr/bin/curl',
  jq: '/usr/bin/jq',
  prometheus: '/usr/bin/promtool',
};

/** Newer ones need modules that the public Go proxy does not serve. */
const BUILDKIT = { module: 'github.com/moby/buildkit', version: 'v0.24.0' };

/**
 * Go programs, cheap ones first. MinIO is the last commit of its community edition. A program with a `package` is
 * built from an empty module that asks for it: the go.mod of BuildKit excludes versions, and `go install` refuses that.
 */
const GO_PROGRAMS = [
  { name: 'crane', module: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.20.6' },
  { name: 'regctl', module: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' },
  // The library that docker compose reads its files with, as a program.
  {
    name: 'compose-spec',
    module: 'github.com/compose-spec/compose-go/v2',
    version: 'v2.16.2',
    package: 'github.com/compose-spec/compose-go/v2/cmd',
  },
  { name: 'buildctl', ...BUILDKIT, package: 'github.com/moby/buildkit/cmd/buildctl' },
  { name: 'buildkitd', ...BUILDKIT, package: 'github.com/moby/buildkit/cmd/buildkitd' },
  { name: 'helm', module: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' },
  { name: 'minio', module: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' },
  { name: 'cosign', module: 'github.com/sigstore/cosign/v2/cmd/cosign', version: 'v2.6.5' },
];

/** Debian's Python, which may be another than the first on PATH; elsewhere the one on PATH. */
const PYTHON = '/usr/bin/python3';
/** Each list has a program with all that it needs, everything in one version. */
const PYTHON_PROGRAMS = [
  { name: 'python-clients', list: fileURLToPath(new URL('python-clients.txt', import.meta.url)) },
  {
    name: 'schemathesis',
    list: fileURLToPath(new URL('openapi-fuzzer.txt', import.meta.url)),
    args: '-m schemathesis.cli ',
  },
];

/** A docker client newer than Debian's; nothing here can install one. */
const NEW_DOCKER = '/usr/local/bin/docker';

/** No step takes a third of this on two cores; one that takes all of it hangs. */
const STEP_MINUTES = 15;
const TIMEOUT = STEP_MINUTES * 60_000;
const TOO_LONG = `it was ended after ${STEP_MINUTES} minutes`;

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
  const failure = run('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], env);
  if (failure) console.log(`apt-get ${args[0]}: ${failure}`);
}

/** Runs a program to its end and shows what it says. Gives the reason when it fails. */
function run(program, args, env) {
  const { status, signal, error } = spawnSync(program, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: TIMEOUT,
  });
  if (status === 0) return undefined;
  if (error) return error.code === 'ETIMEDOUT' ? TOO_LONG : error.message;
  return signal ? `signal ${signal}` : `exit code ${status}`;
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
async function installGoProgram(program) {
  const { name, version } = program;
  const target = join(cache, `${name}@${version}`);
  if (!isProgram(target)) {
    const go = onPath('go') ?? (isProgram('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined);
    if (!go) {
      missing.push(`${name}: it is built with Go, which is not installed`);
      return;
    }
    const failure = await build(go, program, target);
    if (failure) {
      missing.push(`${name}: its build with Go failed (${failure})`);
      return;
    }
  } else {
    console.log(`${name} ${version}: is there`);
  }
  pointAt(name, version);
}

/** Makes the link `name` lead to `name@version`, whatever it led to before. */
function pointAt(name, version) {
  const link = join(cache, name);
  const fresh = `${link}.${process.pid}`;
  symlinkSync(`${name}@${version}`, fresh);
  renameSync(fresh, link);
}

/** Gives the reason when it fails. */
async function build(go, { name, module, version, package: path }, target) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const folder = mkdtempSync(join(cache, `.${name}-`));
  try {
    const commands = path
      ? [
          ['mod', 'init', 'berth.local/clients'],
          ['get', `${path}@${version}`],
          ['build', '-v', '-o', name, path],
        ]
      : [['install', '-v', `${module}@${version}`]];
    for (const args of commands) {
      console.log(`${name}: go ${args.join(' ')}`);
      const failure = await runGo(go, args, folder, (packages) => `${name}: ${packages} packages after ${seconds()} s`);
      if (failure) return failure;
    }
    renameSync(join(folder, name), target);
    console.log(`${name}: built in ${seconds()} s`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs go in a folder, where it also puts what it installs. Gives the reason when it fails. */
function runGo(go, args, folder, progressLine) {
  const env = { ...process.env, GOBIN: folder };
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(go, args, { env, cwd: folder, stdio: ['ignore', 'inherit', 'pipe'], timeout: TIMEOUT });
    let packages = 0;
    let tail = [];
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text) => {
      const lines = text.split('\n').filter(Boolean);
      packages += lines.length;
      tail = [...tail, ...lines].slice(-15);
    });
    const progress = setInterval(() => console.log(progressLine(packages)), 15_000);
    const finish = (failure) => {
      clearInterval(progress);
      if (failure) console.log(tail.join('\n'));
      resolve(failure);
    };
    child.once('error', (error) => finish(error.message));
    child.once('close', (code, signal) => {
      if (code === 0) finish(undefined);
      else if (Date.now() - started >= TIMEOUT) finish(TOO_LONG);
      else finish(signal ? `signal ${signal}` : `exit code ${code}`);
    });
  });
}

/**
 * Installs packages of PyPI into a folder of their own, for one Python and one list, and writes the program `name`, which is
 * that Python with them. It is written last, so what it leads to is whole.
 */
function installPythonProgram({ name, list, args = '' }) {
  const python = isProgram(PYTHON) ? PYTHON : onPath('python3');
  if (!python) return void missing.push(`${name}: it needs python3, which is not installed`);
  const asked = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
  const listed = createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 12);
  const version = `${asked.stdout.trim()}-${listed}`;
  const program = join(cache, `${name}@${version}`);
  if (isProgram(program)) {
    console.log(`${name} ${version}: is there`);
  } else {
    const folder = join(dirname(cache), 'python', version);
    rmSync(folder, { recursive: true, force: true });
    const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--only-binary=:all:', '--no-deps'];
    console.log(`${name}: pip install --requirement ${list}`);
    const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
    const pip = ['-m', 'pip', 'install', ...options, '--target', folder, '--requirement', list];
    const failure = run(python, pip, env);
    if (failure) return void missing.push(`${name}: pip install failed (${failure})`);
    const fresh = `${program}.${process.pid}`;
    writeFileSync(fresh, `#!/bin/sh\nPYTHONPATH='${folder}' exec '${python}' ${args}"$@"\n`, { mode: 0o755 });
    renameSync(fresh, program);
  }
  pointAt(name, version);
}

const started = Date.now();
installPackages();
mkdirSync(cache, { recursive: true });
for (const program of PYTHON_PROGRAMS) installPythonProgram(program);
for (const program of GO_PROGRAMS) await installGoProgram(program);
if (!isProgram(NEW_DOCKER))
  missing.push(`a new docker client: none at ${NEW_DOCKER}, and none to be had from Debian or Go`);
console.log(`Clients and servers for the tests: ${Math.round((Date.now() - started) / 1000)} s`);
for (const line of missing) console.log(`MISSING ${line}`);
// CI runs everything, so there nothing may be missing; elsewhere the tests say again what they leave out.
if (missing.length && process.env.CI) process.exitCode = 1;
