import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tempFolder } from '../temp-folder.js';
import { requireProgram } from './find-program.js';
import { freePort } from './free-port.js';
import { ServerProcess } from './server-process.js';

export interface NatsOptions {
  /** With a JetStream store of its own (the default). */
  jetstream?: boolean;
  /** Whom alone it lets in; without it everybody. */
  login?: { user: string; password: string };
}

export interface TestNats {
  readonly port: number;
  readonly pid: number;
  /** `nats://127.0.0.1:port` */
  readonly url: string;
  logTail(lines?: number): string;
  /** Ends the server in order; its streams stay for restart. */
  pause(): Promise<void>;
  /** kill -9; the streams stay for restart. */
  kill(): Promise<void>;
  /** The same streams on the same port again. */
  restart(): Promise<void>;
  /** Ends the server and removes its streams. */
  stop(): Promise<void>;
}

/** Starts a nats-server with a store and ports of its own: about 0.1 s. */
export async function startNats({ jetstream = true, login }: NatsOptions = {}): Promise<TestNats> {
  const file = requireProgram('nats-server');
  const [port, monitor] = [await freePort(), await freePort()];
  const folder = tempFolder('berth-nats');
  const store = join(folder.path, 'store');
  mkdirSync(store);
  const config = join(folder.path, 'nats.conf');
  writeFileSync(
    config,
    [
      `listen: "127.0.0.1:${port}"`,
      `http: "127.0.0.1:${monitor}"`,
      'max_payload: 8MB',
      'lame_duck_grace_period: "0s"',
      ...(login ? [`authorization { user: "${login.user}", password: "${login.password}" }`] : []),
      ...(jetstream ? [`jetstream { store_dir: "${store}", max_mem: 256MB, max_file: 4GB }`] : []),
      '',
    ].join('\n'),
  );
  const server = await ServerProcess.start({
    name: 'nats-server',
    file,
    args: ['-c', config],
    env: { PATH: process.env.PATH },
    folder,
    logFile: join(folder.path, 'nats.log'),
    ready: async () => (await fetch(`http://127.0.0.1:${monitor}/healthz`)).ok,
  });
  return {
    port,
    get pid() {
      return server.pid;
    },
    url: `nats://127.0.0.1:${port}`,
    logTail: (lines) => server.logTail(lines),
    pause: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: async () => {
      await server.stop();
      folder.remove();
    },
  };
}
