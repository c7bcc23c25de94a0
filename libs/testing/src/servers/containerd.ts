import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tryCommand } from '../run-command.js';
import { tempFolder } from '../temp-folder.js';
import { findProgram, requireProgram, type Found } from './find-program.js';
import { ServerProcess } from './server-process.js';
import { unmountBelow } from './unmount.js';

export interface TestContainerd {
  readonly pid: number;
  /** The socket, for `ctr --address`. */
  readonly address: string;
  logTail(lines?: number): string;
  stop(): Promise<void>;
}

/** What a containerd of our own needs: Linux, root, and the program. */
export function findContainerd(): Found {
  if (process.platform !== 'linux') return { path: null, reason: 'containerd runs on Linux only' };
  if (process.getuid?.() !== 0) return { path: null, reason: 'containerd needs root' };
  const ctr = findProgram('ctr');
  return ctr.path === null ? ctr : findProgram('containerd');
}

/** Starts containerd with its own root, state and socket, and without the part that serves Kubernetes. */
export async function startContainerd(): Promise<TestContainerd> {
  const folder = tempFolder('bct');
  const address = join(folder.path, 'c.sock');
  const config = join(folder.path, 'config.toml');
  writeFileSync(
    config,
    [
      'version = 2',
      `root = "${join(folder.path, 'root')}"`,
      `state = "${join(folder.path, 'state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
      `grpc = { address = "${address}" }`,
      `ttrpc = { address = "${address}.ttrpc" }`,
      '',
    ].join('\n'),
  );
  const ctr = requireProgram('ctr');
  const server = await ServerProcess.start({
    name: 'containerd',
    file: requireProgram('containerd'),
    args: ['--config', config],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder.path, TMPDIR: folder.path },
    folder,
    logFile: join(folder.path, 'containerd.log'),
    ready: async () => (await tryCommand(ctr, ['--address', address, '--timeout', '2s', 'version'])).code === 0,
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
