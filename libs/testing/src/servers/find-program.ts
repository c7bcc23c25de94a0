import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where a program is, or why it cannot be had. */
export type Found = { path: string; reason?: undefined } | { path: null; reason: string };

/** Programs that tools/clients.mjs builds are kept here, outside the checkout. */
export function programCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'berth', 'bin');
}

/** Looks for a program on PATH, in the places where system servers are, and among those built by tools/clients.mjs. */
export function findProgram(name: string, remedy = 'node tools/clients.mjs installs it'): Found {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', programCache()];
  const path = folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isProgram);
  return path ? { path } : { path: null, reason: `${name} is not installed (${remedy})` };
}

/** The program at exactly this place. */
export function programAt(path: string, remedy = 'node tools/clients.mjs installs it'): Found {
  return isProgram(path) ? { path } : { path: null, reason: `${path} is not there (${remedy})` };
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** For a server that a test cannot do without. */
export function requireProgram(name: string): string {
  const found = findProgram(name);
  if (found.path === null) throw new Error(found.reason);
  return found.path;
}
