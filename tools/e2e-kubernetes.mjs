// npm run e2e:kubernetes: a real cluster of one node, the chart of this workspace in it, and clients that work while its services
// scale, roll and are killed. What the machine lacks for that is printed instead. The last line of the report is the verdict.
//   npm run e2e:kubernetes -- --build           builds Kubernetes first, where it is not there yet
//   npm run e2e:kubernetes -- --only upgraded   only tests whose name has that
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled, environment, nodeProgram, ROOT } from './install.mjs';
import { buildPrograms, builtProgram, findProgram, missingForCluster, searchPath } from './kubernetes/programs.mjs';

/** What the test itself starts, beside the cluster. */
const CLIENTS = ['nats-server', 'minio', 'helm', 'crane', 'docker', 'dockerd'];

function missing() {
  const clients = CLIENTS.filter((name) => !findProgram(name) && !existsSync(join(builtProgram('..'), 'bin', name)));
  return [...missingForCluster(), ...clients.map((name) => `${name}: node tools/clients.mjs`)];
}

function runInside(cluster, [program, ...args], env) {
  const [file, ...all] = cluster.inNetwork(program, ...args);
  return new Promise((resolve, reject) => {
    const child = spawn(file, all, { cwd: ROOT, env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
}

async function main() {
  const { values } = parseArgs({ options: { build: { type: 'boolean', default: false }, only: { type: 'string' } } });
  ensureInstalled();
  if (values.build) buildPrograms();
  const lacking = missing();
  if (lacking.length) {
    for (const line of lacking) console.log(`MISSING ${line}`);
    console.log(`Kubernetes: not run, ${lacking.length} missing`);
    process.exitCode = 1;
    return;
  }
  ensureBuilt();
  const { Cluster } = await import('./kubernetes/cluster.mjs');
  const { NODE } = await import('./kubernetes/node-files.mjs');
  const started = Date.now();
  // Ctrl-C reaches Jest as well, which ends; then this goes on to the end of the cluster.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
  const cluster = await Cluster.start((line) => console.log(line));
  let passed = false;
  let report = '';
  try {
    const reportFile = join(cluster.folder, 'report');
    const reached = {
      kubectl: builtProgram('kubectl'),
      kubeconfig: cluster.kubeconfig,
      containerdSocket: cluster.containerdSocket,
      node: NODE,
    };
    const env = environment({ E2E_CLUSTER: JSON.stringify(reached), E2E_CLUSTER_REPORT: reportFile });
    env.PATH = `${env.PATH}:${searchPath()}`;
    const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
    const jest = [...flags, 'node_modules/jest/bin/jest.js', '-c', 'e2e/jest.config.mjs', '--runInBand', '--verbose'];
    const which = values.only === undefined ? [] : ['--testNamePattern', values.only];
    passed = await runInside(cluster, [nodeProgram(), ...jest, ...which, 'src/cluster.spec.ts'], env);
    if (existsSync(reportFile)) report = readFileSync(reportFile, 'utf8');
  } finally {
    await cluster.stop();
  }
  const minutes = ((Date.now() - started) / 60_000).toFixed(1);
  console.log(`\n${report}Kubernetes: ${passed ? 'passed' : 'FAILED'}, in ${minutes} minutes`);
  process.exitCode = passed ? 0 : 1;
}

await main();
