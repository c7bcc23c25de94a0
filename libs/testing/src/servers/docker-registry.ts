import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tempFolder } from '../temp-folder.js';
import { requireProgram } from './find-program.js';
import { freePort } from './free-port.js';
import { ServerProcess } from './server-process.js';

export interface TestDockerRegistry {
  readonly pid: number;
  /** `127.0.0.1:port` */
  readonly host: string;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

export interface DockerRegistryOptions {
  /** Takes manifests of schema 1, and makes them for clients that know no other. */
  schema1?: boolean;
}

/** Debian's docker-registry (CNCF distribution 2.8): the peer against which the kit itself is tested. No authentication. */
export async function startDockerRegistry({
  schema1 = false,
}: DockerRegistryOptions = {}): Promise<TestDockerRegistry> {
  const file = requireProgram('docker-registry');
  const port = await freePort();
  const folder = tempFolder('berth-peer');
  const config = join(folder.path, 'config.yml');
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: { level: warn }',
      'storage:',
      `  filesystem: { rootdirectory: ${join(folder.path, 'data')} }`,
      '  delete: { enabled: true }',
      `http: { addr: "127.0.0.1:${port}", secret: kit }`,
      `compatibility: { schema1: { enabled: ${schema1} } }`,
      '',
    ].join('\n'),
  );
  const server = await ServerProcess.start({
    name: 'docker-registry',
    file,
    args: ['serve', config],
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none' },
    folder,
    logFile: join(folder.path, 'registry.log'),
    ready: async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
  });
  return {
    get pid() {
      return server.pid;
    },
    host: `127.0.0.1:${port}`,
    logTail: (lines) => server.logTail(lines),
    stop: async () => {
      await server.stop();
      folder.remove();
    },
  };
}
