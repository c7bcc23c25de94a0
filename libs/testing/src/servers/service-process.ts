import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { eventually } from '../eventually.js';
import { freePort } from './free-port.js';

const STARTED_MS = 60_000;

export interface ServiceLogLine {
  level: string;
  msg: string;
  reason?: string;
}

/**
 * One of Berth's services as a process of its own, from its start on: whoever begins one need not wait until it is ready. Its
 * internal port is a free one of 127.0.0.1.
 */
export class ServiceProcess {
  /** Its standard output so far. */
  log = '';

  private constructor(
    readonly child: ChildProcess,
    private readonly url: string,
  ) {
    child.stdout!.on('data', (bytes: Buffer) => (this.log += String(bytes)));
  }

  /** Node.js with these arguments, in the environment given and no other. */
  static async begin(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
    const port = await freePort();
    const child = spawn(process.execPath, args, {
      env: {
        PATH: process.env['PATH'],
        BERTH_INTERNAL_HOST: '127.0.0.1',
        BERTH_INTERNAL_PORT: String(port),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new ServiceProcess(child, `http://127.0.0.1:${port}`);
  }

  /** The whole lines of its log. */
  get lines(): ServiceLogLine[] {
    return this.log
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ServiceLogLine);
  }

  /** What its internal port answers. */
  async get(path: string): Promise<{ status: number; body: { checks?: Record<string, object> } }> {
    const answer = await fetch(this.url + path);
    return { status: answer.status, body: (await answer.json()) as object };
  }

  /** Waits until its readiness has this status, and the text in what it says of each of these dependencies. */
  async readiness(status: number, said: Record<string, string>): Promise<void> {
    await eventually(
      async () => {
        const answer = await this.get('/readyz').catch(() => null);
        const checks = answer?.body.checks ?? {};
        return (
          answer?.status === status &&
          Object.entries(said).every(([dependency, text]) => JSON.stringify(checks[dependency])?.includes(text))
        );
      },
      { what: `readiness is ${status} and says ${JSON.stringify(said)}`, within: STARTED_MS, every: 200 },
    );
  }

  /** Ends it with SIGKILL, where it has not ended. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}
