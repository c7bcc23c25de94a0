import { writeFileSync } from 'node:fs';

import { tarArchive } from '../images/tar-archive.js';
import { layoutFiles } from '../images/image-files.js';
import type { Image, Index } from '../images/image.js';
import type { Credentials } from '../registry-client/token-flow.js';
import type { CommandResult } from '../run-command.js';
import type { TestContainerd } from '../servers/containerd.js';
import { requireProgram } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

/** containerd's own client. It keeps no logins: the credentials go with each command. */
export class Ctr extends ClientProgram {
  constructor(
    private readonly server: TestContainerd,
    registry: string,
    private readonly credentials?: Credentials,
  ) {
    super(requireProgram('ctr'), registry);
  }

  /** Brings an image or an index with all its images into the local store, under the name of `name:tag`. */
  async load(content: Image | Index, name: string): Promise<void> {
    const [repository, tag] = name.split(':');
    const archive = this.path('layout.tar');
    writeFileSync(archive, tarArchive(layoutFiles(content, tag)));
    const options = ['--base-name', this.reference(repository!), '--all-platforms', '--no-unpack'];
    await this.run(['images', 'import', ...options, archive]);
  }

  /** Pushes what the local store has under this name. */
  push(name: string): Promise<CommandResult> {
    return this.run(['images', 'push', ...this.transport(), this.reference(name)]);
  }

  /** Pulls and unpacks an image; of an index, the image for this machine or, with `all`, every one. */
  pull(name: string, { all = false } = {}): Promise<CommandResult> {
    const options = ['--snapshotter', 'native', ...(all ? ['--all-platforms'] : [])];
    return this.run(['images', 'pull', ...this.transport(), ...options, this.reference(name)]);
  }

  /** The digest that the local store has under this name; undefined when it has none. */
  async digest(name: string): Promise<string | undefined> {
    const { stdout } = await this.run(['images', 'list', `name==${this.reference(name)}`]);
    return /sha256:[0-9a-f]{64}/.exec(stdout)?.[0];
  }

  /** The bytes of a manifest, config or layer in the local store. */
  async content(digest: string): Promise<Buffer> {
    return (await this.run(['content', 'get', digest])).bytes;
  }

  tag(from: string, to: string): Promise<CommandResult> {
    return this.run(['images', 'tag', this.reference(from), this.reference(to)]);
  }

  /** Removes a name, and at once all content that no other name leads to. */
  removeImage(name: string): Promise<CommandResult> {
    return this.run(['images', 'rm', '--sync', this.reference(name)]);
  }

  protected override globalArguments(): readonly string[] {
    return ['--address', this.server.address];
  }

  private transport(): string[] {
    const { credentials } = this;
    return ['--plain-http', ...(credentials ? ['--user', `${credentials.user}:${credentials.password}`] : [])];
  }
}
