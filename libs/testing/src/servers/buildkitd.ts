import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tryCommand } from '../run-command.js';
import { tempFolder } from '../temp-folder.js';
import { findProgram, requireProgram, type Found } from './find-program.js';
import { ServerProcess } from './server-process.js';
import { unmountBelow } from './unmount.js';

export interface BuildkitdOptions {
  /** `host:port` of a registry that is spoken to without TLS. */
  insecureRegistry: string;
}

export interface TestBuildkitd {
  readonly pid: number;
  /** For `buildctl --addr`. */
  readonly address: string;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

/** What a BuildKit of our own needs: Linux, root, runc, and its two programs. */
export function findBuildkitd(): Found {
  if (process.platform !== 'linux') return { path: null, reason: 'buildkitd runs on Linux only' };
  if (process.getuid?.() !== 0) return { path: null, reason: 'buildkitd is driven as root here' };
  for (const program of ['runc', 'buildctl']) {
    const found = findProgram(program);
    if (found.path === null) return found;
  }
  return findProgram('buildkitd');
}

/** Starts BuildKit with runc, plain files and no network of its own, and without any image. */
export async function startBuildkitd({ insecureRegistry }: BuildkitdOptions): Promise<TestBuildkitd> {
  const folder = tempFolder('bbk');
  const address = `unix://${join(folder.path, 'b.sock')}`;
  const config = join(folder.path, 'buildkitd.toml');
  writeFileSync(
    config,
    [
      `root = "${join(folder.path, 'root')}"`,
      `grpc = { address = ["${address}"] }`,
      '[worker.containerd]',
      'enabled = false',
      '[worker.oci]',
      'enabled = true',
      'snapshotter = "native"',
      'networkMode = "host"',
      `[registry."${insecureRegistry}"]`,
      'http = true',
      '',
    ].join('\n'),
  );
  const buildctl = requireProgram('buildctl');
  const server = await ServerProcess.start({
    name: 'buildkitd',
    file: requireProgram('buildkitd'),
    args: ['--config', config],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder.path, TMPDIR: folder.path },
    folder,
    logFile: join(folder.path, 'buildkitd.log'),
    ready: async () => (await tryCommand(buildctl, ['--addr', address, '--timeout', '2', 'debug', 'info'])).code === 0,
  });
  return {
    get pid() {
      return server.pid;
    },
    address,
    logTail: (lines) => server.logTail(lines),
    stop: async () => {
      await server.stop();
      await unmountBelow(folder.path);
      folder.remove();
    },
  };
}
