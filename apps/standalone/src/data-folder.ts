import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PID = 'berth.pid';
const ADDRESS = 'address';
const SECRET_KEY = 'secret.key';

/** The process that uses a data folder now, and where it answers: null while it starts or stops. Null where there is none. */
export function holderOf(path: string): { pid: number; address: string | null } | null {
  const [pid, started] = textOf(join(path, PID))?.split(' ') ?? [];
  if (!pid || started === undefined || Number(pid) === process.pid || startTime(Number(pid)) !== started) return null;
  return { pid: Number(pid), address: textOf(join(path, ADDRESS))?.trim() || null };
}

/** The operator's key of a data folder; null where there is none. */
export const secretKeyOf = (path: string): string | null => textOf(join(path, SECRET_KEY))?.trim() ?? null;

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/**
 * The folder of a standalone registry, used by one process at a time:
 *
 *     postgres/      the database
 *     blobs/         the objects
 *     secret.key     encrypts what auth keeps secret in the database
 *     berth.pid      the process that uses the folder
 *     address        where it answers, while it does
 */
export class DataFolder {
  readonly path: string;

  /** Throws where another process uses the folder. */
  constructor(path: string) {
    this.path = resolve(path);
    mkdirSync(this.path, { recursive: true });
    this.lock();
  }

  get postgres(): string {
    return join(this.path, 'postgres');
  }

  /** Made at first start, readable by the owner alone. */
  secretKey(): string {
    const file = join(this.path, SECRET_KEY);
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
    return readFileSync(file, 'utf8').trim();
  }

  /** Says where the registry answers. */
  publish(address: string): void {
    writeFileSync(this.addressFile, `${address}\n`);
  }

  release(): void {
    rmSync(this.addressFile, { force: true });
    rmSync(this.pidFile, { force: true });
  }

  private get addressFile(): string {
    return join(this.path, ADDRESS);
  }

  private get pidFile(): string {
    return join(this.path, PID);
  }

  private lock(): void {
    if (this.take()) return;
    const holder = holderOf(this.path);
    if (holder) throw new Error(`the data folder ${this.path} is in use by process ${holder.pid}`);
    // Its holder was killed.
    rmSync(this.addressFile, { force: true });
    rmSync(this.pidFile, { force: true });
    if (!this.take()) throw new Error(`the data folder ${this.path} is in use: another process starts on it just now`);
  }

  /** False where the file is there already. */
  private take(): boolean {
    try {
      writeFileSync(this.pidFile, `${process.pid} ${startTime(process.pid) ?? ''}`, { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}

/** Tells a process from a later one with the same pid; null where it does not run. Without /proc: whether it runs. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    if (process.platform === 'linux') return null;
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch {
    return null;
  }
}
