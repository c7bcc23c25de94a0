import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder {
  path: string;
  remove(): void;
}

/**
 * A new empty folder for this user only. Its name is short, as unix sockets below it have about 100 characters in all,
 * and in lower case, as podman makes image names of paths.
 */
export function tempFolder(name = 'berth'): TempFolder {
  const path = join(tmpdir(), `${name}-${randomBytes(5).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }) };
}
