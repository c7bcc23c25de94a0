import { execFileSync } from 'node:child_process';
import { appendFileSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

/** A program that speaks to the registry under test. */
export interface RecordedProgram {
  file: string;
  /** As it reads in the table; the file's name by default. */
  name?: string;
  /** Where the program cannot say it. */
  version?: string;
  /** How it is asked for its version; `--version` by default. */
  versionArguments?: readonly string[];
}

/** One command of a client, as a line of the record. */
export interface ClientUse {
  client: string;
  version: string;
  /** The words of the command, without options and operands: `registry login`. */
  command: string;
  code: number | null;
  /** The spec file. */
  spec?: string;
  /** The whole name of the test; absent in a hook. */
  test?: string;
}

/** What a machine lacks, as a line of the record. */
export interface MissingNeed {
  missing: string;
  reason: string;
}

/** Words that say what a command is about; what it does is the next word. */
const TOPICS = new Set([
  'artifact',
  'auth',
  'blob',
  'content',
  'image',
  'images',
  'index',
  'manifest',
  'registry',
  'repo',
  'show',
  'tag',
]);

const versions = new Map<string, string>();

/**
 * Notes that a client was run, in the file that E2E_CLIENT_RECORD names: one JSON object on a line. e2e/run.mjs makes the
 * table of clients of them, so that it shows what ran and nothing else. Without that variable nothing is written.
 */
export function recordUse(program: RecordedProgram, args: readonly string[], code: number | null): void {
  if (!process.env.E2E_CLIENT_RECORD) return;
  const { testPath: spec, currentTestName: test } = jestState();
  const client = program.name ?? basename(program.file);
  append({ client, version: program.version ?? versionOf(program), command: commandOf(args), code, spec, test });
}

/** Notes what a machine lacks, beside the clients that ran. */
export function recordMissing(missing: string, reason: string): void {
  if (process.env.E2E_CLIENT_RECORD) append({ missing, reason });
}

/** `['registry', 'login', '-u', ...]` is `registry login`; `['tag', 'host/app:v1', ...]` is `tag`. */
export function commandOf(args: readonly string[]): string {
  const [first = '', second = ''] = args;
  return TOPICS.has(first) && /^[a-z][a-z-]*$/.test(second) ? `${first} ${second}` : first;
}

/** What tools/clients.mjs built has its version in its name, and may not know it; other programs are asked. */
function versionOf({ file, versionArguments = ['--version'] }: RecordedProgram): string {
  let version = versions.get(file);
  if (version === undefined) {
    version = /@v(\d[\w.+-]*)$/.exec(realpathSync(file))?.[1] ?? askForVersion(file, versionArguments);
    versions.set(file, version);
  }
  return version;
}

function askForVersion(file: string, args: readonly string[]): string {
  const said = execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return /\d+\.\d+[\w.+-]*/.exec(said)?.[0] ?? said.trim();
}

function append(line: ClientUse | MissingNeed): void {
  appendFileSync(process.env.E2E_CLIENT_RECORD!, `${JSON.stringify(line)}\n`);
}

/** The test that runs now; nothing outside of Jest. */
function jestState(): { testPath?: string; currentTestName?: string } {
  const { expect } = globalThis as { expect?: { getState(): { testPath?: string; currentTestName?: string } } };
  return expect?.getState() ?? {};
}
