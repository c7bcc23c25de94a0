import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CommandResult, RunOptions } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

const SCRIPT = join(import.meta.dirname, 'oras-client.py');

/** Python with the packages of tools/python-clients.txt. */
export function findPythonClients(): Found {
  return findProgram('python-clients');
}

export interface ArtifactPush {
  /** Content by file name. */
  files: Record<string, Buffer>;
  annotations?: Record<string, string>;
  /** Bytes of a chunk; whole files where there is none. */
  chunkSize?: number;
}

/** How the client authenticates: with the login on each request, or with a token for what it asks first. */
export type OrasAuth = 'basic' | 'token';

/**
 * The Python client of ORAS, in a new process for each command. With `token` it keeps the first token that it gets, and
 * asks for no other when that one is refused for its scope: it pulls, but it does not push, unless it is given a token.
 */
export class Oras extends ClientProgram {
  constructor(
    registry: string,
    private readonly auth: OrasAuth = 'basic',
    /** A token with all the scopes that are needed, instead of a login. */
    private readonly token?: string,
  ) {
    super(requireProgram('python-clients'), registry);
  }

  override try(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const env = { ORAS_AUTH: this.auth, ...(this.token && { ORAS_TOKEN: this.token }), ...options.env };
    return super.try(args, { ...options, env });
  }

  /** Keeps the credentials. The client does not ask the registry about them. */
  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', this.registry, user], { input: `${password}\n` });
  }

  /** Gives the digest of the manifest. */
  async push(name: string, { files, annotations = {}, chunkSize = 0 }: ArtifactPush): Promise<string> {
    const folder = this.path('files');
    mkdirSync(folder, { recursive: true });
    const paths = Object.entries(files).map(([file, content]) => {
      writeFileSync(join(folder, file), content);
      return join(folder, file);
    });
    const target = this.reference(name);
    const args = ['push', this.registry, target, JSON.stringify(annotations), String(chunkSize), ...paths];
    return (await this.run(args)).stdout.trim();
  }

  /** Content by file name. */
  async pull(name: string): Promise<Record<string, Buffer>> {
    const folder = this.path('pulled', name.replaceAll('/', '-'));
    mkdirSync(folder, { recursive: true });
    await this.run(['pull', this.registry, this.reference(name), folder]);
    return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]));
  }

  async tags(repository: string): Promise<string[]> {
    return JSON.parse((await this.run(['tags', this.registry, this.reference(repository)])).stdout) as string[];
  }

  /** Deletes the manifest that the tag names. */
  delete(repository: string, tag: string): Promise<CommandResult> {
    return this.run(['delete', this.registry, this.reference(repository), tag]);
  }

  protected override get clientName(): string {
    return 'oras (Python)';
  }

  protected override get versionArguments(): readonly string[] {
    return [SCRIPT, 'version', ''];
  }

  protected override globalArguments(): readonly string[] {
    return [SCRIPT];
  }
}
