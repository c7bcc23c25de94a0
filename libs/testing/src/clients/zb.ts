import { recordUse } from '../client-record.js';
import type { Credentials } from '../registry-client/token-flow.js';
import { CommandFailed, tryCommand } from '../run-command.js';
import { programAt, type Found } from '../servers/find-program.js';
import { tempFolder } from '../temp-folder.js';

/** The load tool of the zot project, which no package registry that these tests install from has. */
export function findZb(): Found {
  const path = process.env.ZB_BIN;
  if (path) return programAt(path, 'ZB_BIN names it');
  return { path: null, reason: 'ZB_BIN names none, and neither Debian nor the Go proxy has it' };
}

export interface ZbOptions {
  credentials?: Credentials;
  /** Requests of each of its tests, and how many of them at a time. */
  requests: number;
  concurrency: number;
}

export interface ZbTest {
  name: string;
  complete: number;
  failed: number;
}

/** Runs every test of zb against a registry (`http://host:port`). Fails with all that it said when it does. */
export async function runZb(base: string, { credentials, requests, concurrency }: ZbOptions): Promise<ZbTest[]> {
  const file = findZb().path!;
  const folder = tempFolder('bzb');
  const login = credentials ? ['--auth-creds', `${credentials.user}:${credentials.password}`] : [];
  const load = ['--requests', String(requests), '--concurrency', String(concurrency)];
  try {
    const args = [...load, ...login, '--working-dir', `${folder.path}/work`, base];
    const result = await tryCommand(file, args, { cwd: folder.path, timeout: 400_000 });
    recordUse({ file, version: 'not told' }, ['all its tests'], result.code);
    if (result.code !== 0) throw new CommandFailed(result);
    return testsIn(result.stdout);
  } finally {
    folder.remove();
  }
}

/** Blocks of `Test name: ...`, `Complete requests: ...`, `Failed requests: ...`. */
function testsIn(output: string): ZbTest[] {
  return output
    .split(/^Test name: +/m)
    .slice(1)
    .map((block) => ({
      name: block.split('\n')[0]!.trim(),
      complete: Number(/^Complete requests: +(\d+)/m.exec(block)?.[1]),
      failed: Number(/^Failed requests: +(\d+)/m.exec(block)?.[1]),
    }));
}
