import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The folder of a standalone registry, used by one process at a time:
 *
 *     postgres/      the database
 *     blobs/         the objects
 *     secret.key     encrypts what auth keeps secret in the database
 *     berth.pid      the process that uses the folder
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
    const file = join(this.path, 'secret.key');
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
    return readFileSync(file, 'utf8').trim();
  }

  release(): void {
    rmSync(this.pidFile, { force: true });
  }

  private get pidFile(): string {
    return join(this.path, 'berth.pid');
  }

  private lock(): void {
    if (this.take()) return;
    const [pid, started] = readFileSync(this.pidFile, 'utf8').split(' ');
    if (pid && started !== undefined && Number(pid) !== process.pid && startTime(Number(pid)) === started) {
      throw new Error(`the data folder ${this.path} is in use by process ${pid}`);
    }
    // Its holder was killed.
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
