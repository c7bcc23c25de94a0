import { randomBytes } from 'node:crypto';
import { closeSync, globSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { tempFolder } from '../temp-folder.js';
import { findProgram, isProgram, programAt, programCache, type Found } from './find-program.js';
import { freePort } from './free-port.js';
import { isServing } from './minio-content.js';
import { ServerProcess } from './server-process.js';

export interface TestMinio {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly pid: number;
  logTail(lines?: number): string;
  /** kill -9; what was stored stays for restart. */
  kill(): Promise<void>;
  /** The same objects, credentials and port again. */
  restart(): Promise<void>;
  /** Overwrites what it knows of an object: each question for that one is answered with a fault, its deletion too. */
  breakObject(bucket: string, key: string): void;
  /**
   * Flips a bit in the bytes of an object of more than 128 KiB: it is listed with its size as ever, and a read that comes to
   * that byte fails, since MinIO checks its own checksums.
   */
  rotObject(bucket: string, key: string): void;
  /** Ends the server and removes its objects. */
  stop(): Promise<void>;
}

/** MINIO_BIN, else the one built by tools/clients.mjs, else on PATH. */
export function findMinio(): Found {
  if (process.env.MINIO_BIN) return programAt(process.env.MINIO_BIN, 'MINIO_BIN names it');
  const built = join(programCache(), 'minio');
  return isProgram(built) ? { path: built } : findProgram('minio');
}

/** Starts a MinIO server with credentials, objects and a port of its own: about 0.5 s. */
export async function startMinio(): Promise<TestMinio> {
  const { path: file, reason } = findMinio();
  if (file === null) throw new Error(reason);
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const [accessKey, secretKey] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
  const folder = tempFolder('berth-minio');
  const objects = join(folder.path, 'objects');
  mkdirSync(objects);
  const server = await ServerProcess.start({
    name: 'minio',
    file,
    args: ['server', '--quiet', '--address', new URL(endpoint).host, objects],
    env: {
      PATH: process.env.PATH,
      HOME: folder.path,
      MINIO_ROOT_USER: accessKey,
      MINIO_ROOT_PASSWORD: secretKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
    folder,
    logFile: join(folder.path, 'minio.log'),
    ready: () => isServing({ endpoint, accessKey, secretKey }),
  });
  return {
    endpoint,
    accessKey,
    secretKey,
    get pid() {
      return server.pid;
    },
    logTail: (lines) => server.logTail(lines),
    kill: () => server.kill(),
    restart: () => server.restart(),
    breakObject: (bucket, key) => overwriteMetadata(join(objects, bucket, key, 'xl.meta')),
    rotObject: (bucket, key) => flipBit(join(objects, bucket, key)),
    stop: async () => {
      await server.stop();
      folder.remove();
    },
  };
}

/** Behind the eight bytes that say what file it is. */
function overwriteMetadata(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(80, 0xff), 0, 80, 8);
  closeSync(file);
}

/** In the middle of its first part. */
function flipBit(folder: string): void {
  const path = join(folder, globSync('*/part.*', { cwd: folder }).sort()[0]!);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}
