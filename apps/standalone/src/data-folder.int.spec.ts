import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder, type TempFolder } from '@berth/testing';
import { DataFolder } from './data-folder.js';

describe(DataFolder, () => {
  let temp: TempFolder;
  let path: string;
  beforeEach(() => {
    temp = tempFolder();
    path = join(temp.path, 'deep/data');
  });
  afterEach(() => temp.remove());

  const pidFile = () => join(path, 'berth.pid');
  /** A process that runs, and what the folder would say of it. */
  async function another(): Promise<{ pid: number; line: string; end(): Promise<unknown> }> {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const end = () => {
      child.kill('SIGKILL');
      return once(child, 'exit');
    };
    return { pid: child.pid!, line: `${child.pid} ${started}`, end };
  }

  it('is made where it is missing, and says which process uses it', () => {
    const folder = new DataFolder(path);
    expect(folder.path).toBe(path);
    expect(folder.postgres).toBe(join(path, 'postgres'));
    expect(readFileSync(pidFile(), 'utf8')).toMatch(new RegExp(`^${process.pid} \\d+$`));
  });

  it('is free again after release, which may be repeated', () => {
    const folder = new DataFolder(path);
    folder.release();
    folder.release();
    expect(existsSync(pidFile())).toBe(false);
    new DataFolder(path).release();
  });

  it('makes one secret key, which only its owner may read', () => {
    const key = new DataFolder(path).secretKey();
    expect(Buffer.from(key, 'base64url')).toHaveLength(32);
    expect(new DataFolder(path).secretKey()).toBe(key);
    expect(statSync(join(path, 'secret.key')).mode & 0o777).toBe(0o600);
  });

  it('is refused while another process uses it, in a sentence that names both', async () => {
    mkdirSync(path, { recursive: true });
    const other = await another();
    writeFileSync(pidFile(), other.line);
    expect(() => new DataFolder(path)).toThrow(`the data folder ${path} is in use by process ${other.pid}`);
    expect(readFileSync(pidFile(), 'utf8')).toBe(other.line);
    await other.end();
    expect(() => new DataFolder(path)).not.toThrow();
  });

  it('is free where the process is gone and another one has its id now', async () => {
    mkdirSync(path, { recursive: true });
    const other = await another();
    writeFileSync(pidFile(), `${other.pid} 1`);
    expect(() => new DataFolder(path)).not.toThrow();
    await other.end();
  });

  it.each(['', 'nonsense', '0 ', '-1 x', '999999999 123', '\n', `${process.pid}`])(
    'does not mind a pid file that says %p',
    (content) => {
      mkdirSync(path, { recursive: true });
      writeFileSync(pidFile(), content);
      expect(() => new DataFolder(path)).not.toThrow();
    },
  );
});
