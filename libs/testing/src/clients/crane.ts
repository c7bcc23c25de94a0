import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export function findCrane(): Found {
  return findProgram('crane');
}

/** Speaks plain HTTP to loopback addresses by itself. */
export class Crane extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('crane'), registry);
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['auth', 'login', '-u', user, '--password-stdin', this.registry], { input: password });
  }

  /** Pushes an OCI image layout or a docker archive; gives the digest. */
  async push(path: string, name: string): Promise<string> {
    const { stdout } = await this.run(['push', path, this.reference(name)]);
    return stdout.trim().split('@')[1]!;
  }

  /** Pulls into an OCI image layout. */
  pull(name: string, folder: string): Promise<CommandResult> {
    return this.run(['pull', '--format=oci', this.reference(name), folder]);
  }

  copy(from: string, to: string): Promise<CommandResult> {
    return this.run(['copy', this.reference(from), this.reference(to)]);
  }

  /** A new image of an image and one more layer, from the tar of a file system. */
  append(base: string, tar: string, name: string): Promise<CommandResult> {
    return this.run(['append', '--base', this.reference(base), '-f', tar, '-t', this.reference(name)]);
  }

  /** A new image that differs in its labels. */
  label(from: string, label: string, name: string): Promise<CommandResult> {
    return this.run(['mutate', '--label', label, '-t', this.reference(name), this.reference(from)]);
  }

  /** A new index of images that are there. */
  index(images: readonly string[], name: string): Promise<CommandResult> {
    const manifests = images.flatMap((image) => ['-m', this.reference(image)]);
    return this.run(['index', 'append', ...manifests, '-t', this.reference(name)]);
  }

  async manifest(name: string): Promise<Buffer> {
    return (await this.run(['manifest', this.reference(name)])).bytes;
  }

  async blob(repository: string, digest: string): Promise<Buffer> {
    return (await this.run(['blob', `${this.reference(repository)}@${digest}`])).bytes;
  }

  async digest(name: string): Promise<string> {
    return (await this.run(['digest', this.reference(name)])).stdout.trim();
  }

  async list(repository: string): Promise<string[]> {
    return lines((await this.run(['ls', this.reference(repository)])).stdout);
  }

  async catalog(): Promise<string[]> {
    return lines((await this.run(['catalog', this.registry])).stdout);
  }

  delete(name: string): Promise<CommandResult> {
    return this.run(['delete', this.reference(name)]);
  }

  tag(name: string, tag: string): Promise<CommandResult> {
    return this.run(['tag', this.reference(name), tag]);
  }

  /** Reads everything again and checks digests and sizes. */
  validate(name: string): Promise<CommandResult> {
    return this.run(['validate', '--remote', this.reference(name)]);
  }

  protected override get versionArguments(): readonly string[] {
    return ['version'];
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean);
}
