import { mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { runCommand, tryCommand, type CommandResult, type RunOptions } from '../run-command.js';
import { tempFolder } from '../temp-folder.js';
import { findProgram, requireProgram, type Found } from './find-program.js';
import { ServerProcess } from './server-process.js';
import { unmountBelow } from './unmount.js';

export interface DockerdOptions {
  /** `host:port` of a registry that is spoken to without TLS. */
  insecureRegistry?: string;
}

export interface TestDockerd {
  readonly pid: number;
  /** For DOCKER_HOST. */
  readonly host: string;
  logTail(lines?: number): string;
  /**
   * Runs a docker client against this engine. Each client program keeps its own configuration folder, and so its own
   * logins. Gives the result back whatever the exit code is when `mayFail` is set.
   */
  docker(client: string, args: readonly string[], options?: RunOptions & { mayFail?: boolean }): Promise<CommandResult>;
  stop(): Promise<void>;
}

/** What an engine of our own needs: Linux, root, dockerd, and control groups that are mounted. */
export function findDockerd(): Found {
  if (process.platform !== 'linux') return { path: null, reason: 'dockerd runs on Linux only' };
  if (process.getuid?.() !== 0) return { path: null, reason: 'dockerd needs root' };
  return findProgram('dockerd');
}

/** Starts a Docker Engine without networks (so that it leaves the machine's as they are) and without any image. */
export async function startDockerd({ insecureRegistry }: DockerdOptions = {}): Promise<TestDockerd> {
  const file = requireProgram('dockerd');
  const folder = tempFolder('bd');
  const socket = join(folder.path, 'd.sock');
  const server = await ServerProcess.start({
    name: 'dockerd',
    file,
    args: [
      ...['--bridge=none', '--iptables=false', '--ip6tables=false'],
      ...['--data-root', join(folder.path, 'data'), '--exec-root', join(folder.path, 'exec')],
      ...['-H', `unix://${socket}`, '--pidfile', join(folder.path, 'd.pid')],
      ...(insecureRegistry ? ['--insecure-registry', insecureRegistry] : []),
    ],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder.path },
    folder,
    logFile: join(folder.path, 'dockerd.log'),
    ready: () => ping(socket),
    readyWithin: 60_000,
  });
  const host = `unix://${socket}`;
  const configurations = new Map<string, string>();
  const configurationOf = (client: string) => {
    let path = configurations.get(client);
    if (!path) {
      path = join(folder.path, `config-${configurations.size}`);
      mkdirSync(path);
      configurations.set(client, path);
    }
    return path;
  };
  return {
    get pid() {
      return server.pid;
    },
    host,
    logTail: (lines) => server.logTail(lines),
    docker: (client, args, { mayFail = false, ...options } = {}) => {
      const env = {
        PATH: process.env.PATH,
        HOME: folder.path,
        DOCKER_HOST: host,
        DOCKER_CONFIG: configurationOf(client),
        ...options.env,
      };
      return (mayFail ? tryCommand : runCommand)(client, args, { ...options, env });
    },
    stop: async () => {
      await server.stop();
      await unmountBelow(folder.path);
      folder.remove();
    },
  };
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    request({ socketPath, path: '/_ping' }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('error', () => resolve(false))
      .end();
  });
}
