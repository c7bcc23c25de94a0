import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const LISTENS = /Berth listens on (http:\/\/\S+)/;

export interface Exit {
  code: number | null;
  signal: string | null;
}

/** The built program as a newcomer starts it, on free ports. */
export class StandaloneProcess {
  stdout = '';
  stderr = '';
  readonly exited: Promise<Exit>;
  private readonly child: ChildProcess;

  constructor(dataDir: string, env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        BERTH_DATA_DIR: dataDir,
        BERTH_PORT: '0',
        BERTH_INTERNAL_PORT: '0',
        BERTH_SHUTDOWN_SECONDS: '5',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = new Promise((resolve) => this.child.once('close', (code, signal) => resolve({ code, signal })));
  }

  static async start(dataDir: string, env: Record<string, string> = {}): Promise<StandaloneProcess> {
    const started = new StandaloneProcess(dataDir, env);
    await started.ready();
    return started;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resolves when it listens; rejects when it ends before. */
  async ready(): Promise<void> {
    const welcomed = new Promise<'ready'>((resolve) => {
      this.child.stderr!.on('data', () => LISTENS.test(this.stderr) && resolve('ready'));
    });
    const first = await Promise.race([welcomed, this.exited]);
    if (first !== 'ready') throw new Error(`it ended with ${JSON.stringify(first)}: ${this.stderr}`);
  }

  get address(): string {
    return LISTENS.exec(this.stderr)![1]!;
  }

  /** The one that was generated at this start. */
  get password(): string | undefined {
    return /password\s+(\S{20})\s/.exec(this.stderr)?.[1];
  }

  /** Sends the signal and waits for the end; a process that is gone already is no trouble. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }
}
