import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export function findSkopeo(): Found {
  return findProgram('skopeo');
}

export interface CopyOptions {
  /** Every image of an index, not only the one for this machine. */
  all?: boolean;
}

export class Skopeo extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('skopeo'), registry);
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', '--tls-verify=false', '-u', user, '--password-stdin', this.registry], {
      input: password,
    });
  }

  /** From and to are skopeo's: `dir:/path`, `oci:/path:tag`, or remote(name). */
  copy(from: string, to: string, { all = false }: CopyOptions = {}): Promise<CommandResult> {
    const tls = [
      ...(from.startsWith('docker:') ? ['--src-tls-verify=false'] : []),
      ...(to.startsWith('docker:') ? ['--dest-tls-verify=false'] : []),
    ];
    return this.run(['copy', ...(all ? ['--all'] : []), ...tls, from, to]);
  }

  async inspect(name: string): Promise<{ Digest: string; RepoTags: string[]; Layers: string[] }> {
    const { stdout } = await this.run(['inspect', '--tls-verify=false', this.remote(name)]);
    return JSON.parse(stdout) as { Digest: string; RepoTags: string[]; Layers: string[] };
  }

  /** The manifest's bytes. */
  async inspectRaw(name: string): Promise<Buffer> {
    return (await this.run(['inspect', '--raw', '--tls-verify=false', this.remote(name)])).bytes;
  }

  /** Copies all tags of a repository into a folder below `folder`; gives that folder of `dir:` layouts. */
  async syncOut(repository: string, folder: string): Promise<string> {
    const options = ['--src', 'docker', '--dest', 'dir', '--src-tls-verify=false', '--scoped'];
    await this.run(['sync', ...options, this.reference(repository), folder]);
    return `${folder}/${this.reference(repository)}`;
  }

  /** Copies every `dir:` layout of a folder (`app:v1`) into repositories below `parent`. */
  syncIn(folder: string, parent: string): Promise<CommandResult> {
    const options = ['--src', 'dir', '--dest', 'docker', '--dest-tls-verify=false'];
    return this.run(['sync', ...options, folder, this.reference(parent)]);
  }

  /** Deletes the manifest that the tag names. */
  delete(name: string): Promise<CommandResult> {
    return this.run(['delete', '--tls-verify=false', this.remote(name)]);
  }

  async listTags(repository: string): Promise<string[]> {
    const { stdout } = await this.run(['list-tags', '--tls-verify=false', this.remote(repository)]);
    return (JSON.parse(stdout) as { Tags: string[] }).Tags;
  }

  remote(name: string): string {
    return `docker://${this.reference(name)}`;
  }

  protected override globalArguments(): readonly string[] {
    return ['--insecure-policy'];
  }
}
