import { readFileSync, writeFileSync } from 'node:fs';

import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { unmountBelow } from '../servers/unmount.js';
import { ClientProgram } from './client-program.js';
import { containerStorage, TRUST_ANYTHING } from './container-storage.js';

export function findBuildah(): Found {
  if (process.getuid?.() !== 0) return { path: null, reason: 'buildah is driven as root here' };
  return findProgram('buildah');
}

export class Buildah extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('buildah'), registry);
    writeFileSync(this.path('policy.json'), TRUST_ANYTHING);
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', '--tls-verify=false', '-u', user, '--password-stdin', this.registry], {
      input: password,
    });
  }

  /** A working container from an image of the registry, or from `scratch`; gives its name. */
  async from(image: string): Promise<string> {
    const options = ['--tls-verify=false', ...this.policy()];
    const { stdout } = await this.run(['from', ...(image === 'scratch' ? [] : options), image]);
    return stdout.trim();
  }

  add(container: string, source: string, target: string): Promise<CommandResult> {
    return this.run(['add', container, source, target]);
  }

  /** Makes an image of the working container; gives its id. */
  async commit(container: string, name: string): Promise<string> {
    const options = ['--quiet', ...this.policy()];
    const { stdout } = await this.run(['commit', ...options, container, this.reference(name)]);
    return stdout.trim();
  }

  /** Gives the digest of the manifest that was pushed. */
  async push(name: string): Promise<string> {
    const digestFile = this.path('digest');
    const options = ['--quiet', '--tls-verify=false', ...this.policy(), '--digestfile', digestFile];
    await this.run(['push', ...options, this.reference(name)]);
    return readFileSync(digestFile, 'utf8').trim();
  }

  async pull(name: string): Promise<string> {
    const options = ['--quiet', '--tls-verify=false', ...this.policy()];
    const { stdout } = await this.run(['pull', ...options, this.reference(name)]);
    return stdout.trim();
  }

  removeAllImages(): Promise<CommandResult> {
    return this.run(['rmi', '--all', '--force']);
  }

  /** Where the files of a working container are, for reading. */
  async mount(container: string): Promise<string> {
    const { stdout } = await this.run(['mount', container]);
    return stdout.trim();
  }

  /** Makes a local index of images of the registry, and pushes it with all of them; gives its digest. */
  async pushIndex(images: readonly string[], name: string): Promise<string> {
    const list = this.reference(name);
    await this.run(['manifest', 'create', list]);
    for (const image of images) {
      await this.run(['manifest', 'add', '--tls-verify=false', list, `docker://${this.reference(image)}`]);
    }
    const digestFile = this.path('digest');
    const options = ['--all', '--tls-verify=false', '--digestfile', digestFile, ...this.policy()];
    await this.run(['manifest', 'push', ...options, list, `docker://${list}`]);
    return readFileSync(digestFile, 'utf8').trim();
  }

  override async remove(): Promise<void> {
    await unmountBelow(this.home.path);
    await super.remove();
  }

  protected override globalArguments(): readonly string[] {
    return containerStorage(this.home.path);
  }

  private policy(): string[] {
    return ['--signature-policy', this.path('policy.json')];
  }
}
