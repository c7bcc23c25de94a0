import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { tryCommand, type CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { unmountBelow } from '../servers/unmount.js';
import { ClientProgram } from './client-program.js';
import { containerStorage, TRUST_ANYTHING } from './container-storage.js';

export function findPodman(): Found {
  if (process.getuid?.() !== 0) return { path: null, reason: 'podman is driven as root here' };
  return findProgram('podman');
}

export class Podman extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('podman'), registry);
    writeFileSync(this.path('policy.json'), TRUST_ANYTHING);
    // Where it looks by itself: `manifest push` cannot be told.
    mkdirSync(this.path('.config/containers'), { recursive: true });
    writeFileSync(this.path('.config/containers/policy.json'), TRUST_ANYTHING);
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', '--tls-verify=false', '-u', user, '--password-stdin', this.registry], {
      input: password,
    });
  }

  /** Brings an image into the local store: `oci:/path:tag`, `dir:/path`; gives its id. */
  async load(source: string): Promise<string> {
    const { stdout } = await this.run(['pull', '--quiet', ...this.policy(), source]);
    return stdout.trim();
  }

  tag(image: string, name: string): Promise<CommandResult> {
    return this.run(['tag', image, this.reference(name)]);
  }

  /** Gives the digest of the manifest that was pushed. */
  async push(name: string): Promise<string> {
    const digestFile = this.path('digest');
    const options = ['--tls-verify=false', ...this.policy(), '--digestfile', digestFile];
    await this.run(['push', '--quiet', ...options, this.reference(name)]);
    return readFileSync(digestFile, 'utf8').trim();
  }

  /** Gives the id of the image, which is the hex digest of its config. */
  async pull(name: string): Promise<string> {
    const options = ['--quiet', '--tls-verify=false', ...this.policy()];
    const { stdout } = await this.run(['pull', ...options, this.reference(name)]);
    return stdout.trim();
  }

  async listTags(repository: string): Promise<string[]> {
    const options = ['--list-tags', '--tls-verify=false', '--format', 'json'];
    const { stdout } = await this.run(['search', ...options, this.reference(repository)]);
    return (JSON.parse(stdout) as { Tags: string[] }[])[0]!.Tags;
  }

  removeImage(image: string): Promise<CommandResult> {
    return this.run(['rmi', '--force', image]);
  }

  async inspect(image: string): Promise<{ Id: string; Digest: string; RootFS: { Layers: string[] } }> {
    const { stdout } = await this.run(['image', 'inspect', image]);
    return (JSON.parse(stdout) as { Id: string; Digest: string; RootFS: { Layers: string[] } }[])[0]!;
  }

  /** Runs a container without a network. */
  runContainer(image: string, ...command: string[]): Promise<CommandResult> {
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
    return this.run(['run', '--rm', '--network', 'none', ...limits, image, ...command]);
  }

  /** Makes a local index of images of the registry, and pushes it with all of them; gives its digest. */
  async pushIndex(images: readonly string[], name: string): Promise<string> {
    const list = this.reference(name);
    await this.run(['manifest', 'create', list]);
    for (const image of images) {
      await this.run(['manifest', 'add', '--tls-verify=false', list, `docker://${this.reference(image)}`]);
    }
    const digestFile = this.path('digest');
    const options = ['--all', '--tls-verify=false', '--digestfile', digestFile];
    await this.run(['manifest', 'push', ...options, list, `docker://${list}`]);
    return readFileSync(digestFile, 'utf8').trim();
  }

  override async remove(): Promise<void> {
    await tryCommand(this.program, [...this.globalArguments(), 'rm', '--all', '--force']);
    await unmountBelow(this.home.path);
    await super.remove();
  }

  protected override globalArguments(): readonly string[] {
    return [
      ...containerStorage(this.home.path),
      // Debian's crun refuses the mixed control groups of some machines; runc runs.
      ...['--cgroup-manager=cgroupfs', '--events-backend=file', '--runtime=runc'],
      ...['--tmpdir', this.path('libpod')],
    ];
  }

  private policy(): string[] {
    return ['--signature-policy', this.path('policy.json')];
  }
}
