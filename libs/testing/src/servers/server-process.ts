import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { eventually, GiveUp } from '../eventually.js';
import type { TempFolder } from '../temp-folder.js';
import { processExists } from './process-tree.js';

export interface ServerCommand {
  /** The name in messages. */
  name: string;
  file: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** What the server works on; removed when it does not start, else the caller's to remove after the stop. */
  folder: TempFolder;
  /** Standard output and error are appended to this file. */
  logFile: string;
  /** Looked at until it is true. */
  ready: (server: ServerProcess) => boolean | Promise<boolean>;
  /** Milliseconds until it must be ready. */
  readyWithin?: number;
  /** Ends the server in good order (default SIGTERM). */
  stopSignal?: NodeJS.Signals;
  /** Milliseconds it has for that before it is killed. */
  stopWithin?: number;
}

/**
 * A server that a test started. It is always addressed by its process id, and it does not outlive the test process:
 * a watching shell sees the test process go (even by SIGKILL, which no exit handler sees) and ends the server.
 */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private watcher: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();
  private readonly groups: number[] = [];
  private asked = false;
  private lastEnd: string | undefined;

  private constructor(private readonly command: ServerCommand) {}

  /** Gives the server back when it is ready; a failure carries the end of its log. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command);
    try {
      await server.launch();
    } catch (error) {
      command.folder.remove();
      throw error;
    }
    return server;
  }

  get pid(): number {
    if (!this.child?.pid) throw new Error(`${this.command.name} is not running`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  /** How the server ended where nobody asked it to: "ended with SIGSEGV" and the end of its log. */
  get unexpectedEnd(): string | undefined {
    return this.lastEnd && !this.asked ? `${this.lastEnd}\n${this.logTail()}` : undefined;
  }

  log(): string {
    try {
      return readFileSync(this.command.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  logTail(lines = 40): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** Asks the server to end, waits, and kills it (and what it left in its process group) when it does not. */
  async stop(signal: NodeJS.Signals = this.command.stopSignal ?? 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (!child) {
      this.endRemains();
      return;
    }
    this.asked = true;
    const { stopWithin = 15_000 } = this.command;
    const timer = setTimeout(() => signalProcess(child.pid, 'SIGKILL'), stopWithin);
    signalProcess(child.pid, signal);
    await this.waitForEnd();
    clearTimeout(timer);
    this.endRemains();
  }

  /** kill -9 of this one process. Its children, if any, stay: that is what a crash leaves behind. */
  async kill(): Promise<void> {
    this.asked = true;
    signalProcess(this.child?.pid, 'SIGKILL');
    await this.waitForEnd();
  }

  /** Starts the same command again, with the same arguments, ports and folders. */
  async restart(): Promise<void> {
    if (this.child) await this.stop();
    await this.launch();
  }

  /** Resolves when the process has ended, for whatever reason. */
  async waitForEnd(): Promise<void> {
    this.child?.ref();
    await this.ended;
  }

  private async launch(): Promise<void> {
    const { name, file, args, env, cwd, uid, gid, logFile, ready, readyWithin = 30_000 } = this.command;
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    // A process group of its own: Ctrl-C in the terminal ends the test run, and that ends the server in order.
    const child = spawn(file, args, { env, cwd, uid, gid, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    let failure: Error | undefined;
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        failure = error;
        this.forget(resolve);
      });
      child.once('exit', (code, signal) => {
        failure ??= new Error(`${name} ended with ${signal ?? code}`);
        this.lastEnd = failure.message;
        this.forget(resolve);
      });
    });
    this.child = child;
    if (child.pid) this.groups.push(child.pid);
    this.asked = false;
    this.lastEnd = undefined;
    this.watcher = child.pid ? watch(child.pid) : undefined;
    child.unref();
    try {
      await eventually(
        () => {
          if (failure) throw new GiveUp(`${failure.message}\n${this.logTail()}`);
          return ready(this);
        },
        { what: `${name} is ready`, within: readyWithin },
      );
    } catch (error) {
      const tail = this.logTail();
      await this.stop('SIGKILL');
      if (error instanceof GiveUp) throw error;
      throw new Error(`${name} did not become ready within ${readyWithin} ms; the end of its log:\n${tail}`, {
        cause: error,
      });
    }
  }

  /** Ends what the server left behind in its process groups, also those of earlier lives that ended in a crash. */
  private endRemains(): void {
    for (const group of this.groups.splice(0)) {
      // While a group has members its number is nobody's process id; a process of that id is a stranger by now.
      if (!processExists(group)) signalProcess(-group, 'SIGKILL');
    }
  }

  private forget(done: () => void): void {
    this.child = undefined;
    if (this.watcher) {
      signalProcess(this.watcher.pid, 'SIGKILL');
      this.watcher.stdin?.destroy();
      this.watcher = undefined;
    }
    done();
  }
}

const WATCH = `read -r _
kill -TERM "$1" 2>/dev/null
i=0
while [ $i -lt 100 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; i=$((i+1)); done
kill -KILL -- "-$1" 2>/dev/null`;

/** A shell that waits on a pipe from this process; the pipe ends when this process does. */
function watch(pid: number): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'watch', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  return watcher;
}

/** A signal to a process that may be gone already. A negative id addresses a process group. */
function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
