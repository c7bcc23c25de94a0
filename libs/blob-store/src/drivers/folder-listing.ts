import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectStat } from '../blob-store.js';
import { isObjectKey } from '../object-key.js';
import { isSystemError } from '../stream-faults.js';
import { isMissing } from './file-faults.js';

/**
 * The files below `folder` as objects in key order, one folder in memory at a time; hidden names are not objects. A file at
 * which the file system fails is left out, and does not hide the others.
 */
export async function* listFolder(folder: string, prefix: string, after: string): AsyncGenerator<ObjectStat> {
  yield* walk(folder, '', prefix, after);
}

async function* walk(root: string, parent: string, prefix: string, after: string): AsyncGenerator<ObjectStat> {
  for (const key of await childrenOf(root, parent)) {
    if (key.endsWith('/')) {
      if (mayHold(key, prefix, after)) yield* walk(root, key, prefix, after);
    } else if (key > after && key.startsWith(prefix)) {
      const object = await statFile(root, key).catch(nullIfUnreadable);
      if (object) yield object;
    }
  }
}

/** Keys of the files and, with a slash behind, of the folders: so they sort as the keys below them do. */
async function childrenOf(root: string, parent: string): Promise<string[]> {
  const entries = await readdir(join(root, parent), { withFileTypes: true });
  return entries
    .filter((entry) => isObjectKey(entry.name))
    .map((entry) => parent + entry.name + (entry.isDirectory() ? '/' : ''))
    .sort((a, b) => (a < b ? -1 : 1));
}

function mayHold(folderKey: string, prefix: string, after: string): boolean {
  const wanted = folderKey.startsWith(prefix) || prefix.startsWith(folderKey);
  return wanted && (folderKey > after || after.startsWith(folderKey));
}

/** Null where no object has this key, or another process was quicker to delete it. */
export async function statFile(root: string, key: string): Promise<ObjectStat | null> {
  try {
    const found = await stat(join(root, key));
    return found.isFile() ? { key, size: found.size, lastModified: found.mtime } : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function nullIfUnreadable(error: unknown): null {
  if (isSystemError(error)) return null;
  throw error;
}
