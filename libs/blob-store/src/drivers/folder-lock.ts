import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const NAME = '.lock';
const HEARTBEAT_MS = 1000;
/** A holder that this process cannot look up is watched for so long: no heartbeat, no holder. */
const WATCH_MS = 4000;
const MOST_ATTEMPTS = 20;
const PAUSE_MS = 25;

/** Who holds a folder. `place` is the machine's boot and pid namespace: only there does `pid` mean anything. */
interface Holder {
  pid: number;
  /** When the process started: a pid that is used again is another process. */
  start: string;
  place: string;
  nonce: string;
}

/** Another live process (or another store of this one) works on the folder. */
export class FolderInUse extends Error {
  constructor(folder: string, pid: number | null) {
    const holder = pid === null ? 'processes that are just starting' : `process ${pid}`;
    super(`folder ${folder} is in use by ${holder}; two processes on one folder would destroy each other's uploads`);
  }
}

/**
 * Makes sure that one process works on a folder. The lock is a file that names its holder, so that a holder which was
 * killed is recognised: by pid and start time where both share a pid namespace, else (containers on one volume) by the
 * heartbeat, the file's mtime, which takes four seconds of watching.
 */
export class FolderLock {
  private readonly heartbeat: NodeJS.Timeout;

  private constructor(
    private readonly path: string,
    private readonly text: string,
  ) {
    this.heartbeat = setInterval(() => void this.touch(), HEARTBEAT_MS).unref();
  }

  /** Throws FolderInUse where a live holder is found. */
  static async acquire(folder: string): Promise<FolderLock> {
    const path = join(folder, NAME);
    const text = JSON.stringify(await thisProcess());
    const draft = join(folder, `${NAME}.${randomUUID()}`);
    await writeFile(draft, text, { flag: 'wx', mode: 0o600 });
    try {
      await take(folder, path, draft);
      return new FolderLock(path, text);
    } finally {
      await unlink(draft).catch(() => undefined);
    }
  }

  async release(): Promise<void> {
    clearInterval(this.heartbeat);
    if ((await textOf(this.path)) === this.text) await unlink(this.path);
  }

  private async touch(): Promise<void> {
    const now = new Date();
    await utimes(this.path, now, now).catch(() => undefined);
  }
}

async function take(folder: string, path: string, draft: string): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (await linked(draft, path)) return;
    const found = await textOf(path);
    if (found === null) continue;
    const holder = parseHolder(found);
    if (holder && (await isAlive(holder, path))) throw new FolderInUse(folder, holder.pid);
    if (await replaceStale(path, found, draft)) return;
    await sleep(PAUSE_MS);
  }
  throw new FolderInUse(folder, null);
}

/**
 * Puts `draft` in the place of the stale lock, in one step and under a second lock: of several processes that find the
 * lock stale, a slow one must not remove the fresh lock of a quick one. False where another process is at it.
 */
async function replaceStale(path: string, stale: string, draft: string): Promise<boolean> {
  const guard = `${path}.takeover`;
  if (!(await linked(draft, guard))) {
    const found = await textOf(guard);
    const holder = found === null ? null : parseHolder(found);
    if (found !== null && !(holder && (await isAlive(holder, guard)))) await unlink(guard).catch(() => undefined);
    return false;
  }
  try {
    if ((await textOf(path)) !== stale) return false;
    await rename(draft, path);
    return true;
  } finally {
    await unlink(guard);
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isAlive(holder: Holder, path: string): Promise<boolean> {
  if (holder.place === (await thisPlace())) return (await startOf(holder.pid)) === holder.start;
  const before = await heartbeatOf(path);
  await sleep(WATCH_MS);
  return (await heartbeatOf(path)) !== before;
}

async function heartbeatOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found && found.mtimeMs;
}

function parseHolder(text: string): Holder | null {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return null; // torn by a power failure
  }
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

async function thisProcess(): Promise<Holder> {
  const [start, place] = await Promise.all([startOf(process.pid), thisPlace()]);
  return { pid: process.pid, start: start ?? '', place, nonce: randomUUID() };
}

async function thisPlace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname());
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${boot.trim()} ${namespace}`;
}

/** Null where no such process runs. Linux tells clock ticks since boot; elsewhere `ps` tells the date. */
async function startOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return startByPs(pid);
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (line === null) return null;
  const [state, ...rest] = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : (rest[18] ?? null);
}

async function startByPs(pid: number): Promise<string | null> {
  const ps = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return ps.then(({ stdout }) => stdout.trim() || null).catch(() => null);
}
