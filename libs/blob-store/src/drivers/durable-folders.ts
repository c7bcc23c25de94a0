import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

const MOST_HANDLES = 512;

/**
 * Makes new directory entries durable. Keeps the folders open: a small push makes three files, and opening and closing
 * the folder for each would double the system calls of its sync.
 */
export class DurableFolders {
  private readonly handles = new Map<string, Promise<FileHandle>>();

  /** Resolves when the entries made in `folder` so far survive a power failure. */
  async sync(folder: string): Promise<void> {
    const handle = await this.handle(folder);
    await handle.sync();
  }

  /** Makes `folder` and its missing parents, durably. */
  async make(folder: string): Promise<void> {
    this.forget(folder);
    const topmost = await mkdir(folder, { recursive: true });
    if (topmost === undefined) return;
    for (let made = folder; made.length >= topmost.length; made = dirname(made)) await this.sync(dirname(made));
  }

  async close(): Promise<void> {
    const handles = [...this.handles.values()];
    this.handles.clear();
    await Promise.all(handles.map(async (handle) => (await handle).close()));
  }

  private handle(folder: string): Promise<FileHandle> {
    const known = this.handles.get(folder);
    if (known) return known;
    const [oldest] = this.handles.keys();
    if (oldest !== undefined && this.handles.size >= MOST_HANDLES) this.forget(oldest);
    const opened = open(folder, 'r');
    opened.catch(() => this.handles.delete(folder));
    this.handles.set(folder, opened);
    return opened;
  }

  /** A folder may have been removed and made again behind our back. */
  private forget(folder: string): void {
    const handle = this.handles.get(folder);
    this.handles.delete(folder);
    handle?.then((opened) => opened.close()).catch(() => undefined);
  }
}
