import { spawn } from 'node:child_process';

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Written to the command's standard input, which is closed otherwise. */
  input?: string | Uint8Array;
  /** Milliseconds after which the command is killed and the run fails. */
  timeout?: number;
  /** Called with what the command prints, as it prints it. */
  onOutput?: (text: string) => void;
}

export interface CommandResult {
  command: string;
  code: number | null;
  stdout: string;
  /** The same output unread, for what is not text. */
  bytes: Buffer;
  stderr: string;
}

/** A command that ended with another code than 0, with everything it said. */
export class CommandFailed extends Error {
  constructor(readonly result: CommandResult) {
    super(`${result.command} ended with ${result.code}\n${result.stdout}${result.stderr}`.trimEnd());
    this.name = CommandFailed.name;
  }
}

/** Runs a program to its end without a shell. Fails with CommandFailed when it does not end with 0. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const result = await tryCommand(file, args, options);
  if (result.code !== 0) throw new CommandFailed(result);
  return result;
}

/** Runs a program to its end and leaves the judgement on its exit code to the caller. */
export function tryCommand(file: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const { env, cwd, uid, gid, input, timeout = 110_000, onOutput } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env,
      cwd,
      uid,
      gid,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    for (const stream of [child.stdout, child.stderr]) {
      if (onOutput) stream.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
    }
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const bytes = Buffer.concat(stdout);
      const note = signal ? `\nended by ${signal} (limit ${timeout} ms)` : '';
      const command = [file, ...args].join(' ');
      resolve({ command, code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString() + note });
    });
    // A program that ends before it has read its input is judged by its exit code, not by the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
