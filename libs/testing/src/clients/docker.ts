import { recordUse } from '../client-record.js';
import { CommandFailed, type CommandResult } from '../run-command.js';
import type { TestDockerd } from '../servers/dockerd.js';
import { programAt, type Found } from '../servers/find-program.js';

export interface DockerClient {
  /** As it reads in the names of tests. */
  name: string;
  found: Found;
}

/** The docker clients that a machine may have: Debian's, and a newer one that stands before it on PATH. */
export function dockerClients(): DockerClient[] {
  return [
    { name: 'the old docker client (Debian docker.io)', found: programAt('/usr/bin/docker') },
    {
      name: 'the new docker client (/usr/local/bin/docker)',
      found: programAt('/usr/local/bin/docker', 'a docker client newer than Debian has comes with the machine'),
    },
  ];
}

/**
 * A docker client with its own logins, on an engine that it may share with others. `configuration` is the folder of its
 * `config.json`; without it the client program has one for all that the engine runs of it.
 */
export class Docker {
  constructor(
    private readonly engine: TestDockerd,
    private readonly client: string,
    readonly registry: string,
    private readonly configuration?: string,
  ) {}

  async run(args: readonly string[], input?: string | Buffer): Promise<CommandResult> {
    const result = await this.try(args, input);
    if (result.code !== 0) throw new CommandFailed(result);
    return result;
  }

  async try(args: readonly string[], input?: string | Buffer): Promise<CommandResult> {
    const env = this.configuration === undefined ? {} : { DOCKER_CONFIG: this.configuration };
    const result = await this.engine.docker(this.client, args, { input, mayFail: true, env });
    recordUse({ file: this.client }, args, result.code);
    return result;
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', '-u', user, '--password-stdin', this.registry], password);
  }

  logout(): Promise<CommandResult> {
    return this.run(['logout', this.registry]);
  }

  /** Loads a docker archive, under the name that is in it. */
  load(archive: Buffer): Promise<CommandResult> {
    return this.run(['load'], archive);
  }

  /** Makes an image of one layer from the tar of a file system. */
  importTar(tar: Buffer, name: string): Promise<CommandResult> {
    return this.run(['import', '-', this.reference(name)], tar);
  }

  /** Gives the digest of the manifest that was pushed. */
  async push(name: string): Promise<string> {
    const { stdout } = await this.run(['push', this.reference(name)]);
    return digestIn(stdout);
  }

  /** Gives the digest of the manifest that was pulled. */
  async pull(name: string): Promise<string> {
    const { stdout } = await this.run(['pull', this.reference(name)]);
    return digestIn(stdout);
  }

  /** Pulls every tag of a repository. */
  pullAll(repository: string): Promise<CommandResult> {
    return this.run(['pull', '--all-tags', this.reference(repository)]);
  }

  /** Pushes every local tag of a repository. */
  pushAll(repository: string): Promise<CommandResult> {
    return this.run(['push', '--all-tags', this.reference(repository)]);
  }

  /** Makes a manifest list of images of the registry and pushes it; gives its digest. */
  async pushList(name: string, images: readonly string[]): Promise<string> {
    const parts = images.map((image) => this.reference(image));
    await this.run(['manifest', 'create', '--insecure', this.reference(name), ...parts]);
    const { stdout } = await this.run(['manifest', 'push', '--insecure', this.reference(name)]);
    return /sha256:[0-9a-f]{64}/.exec(stdout)![0];
  }

  removeImage(...names: string[]): Promise<CommandResult> {
    return this.run(['rmi', '--force', ...names.map((name) => this.reference(name))]);
  }

  async inspect(name: string): Promise<{ Id: string; RepoDigests: string[]; RootFS: { Layers: string[] } }> {
    const { stdout } = await this.run(['image', 'inspect', this.reference(name)]);
    return (JSON.parse(stdout) as { Id: string; RepoDigests: string[]; RootFS: { Layers: string[] } }[])[0]!;
  }

  /** Runs a container of the image without a network and gives what it printed. */
  async runContainer(name: string, ...command: string[]): Promise<string> {
    return (await this.run(['run', '--rm', '--network', 'none', this.reference(name), ...command])).stdout;
  }

  reference(name: string): string {
    return `${this.registry}/${name}`;
  }
}

function digestIn(output: string): string {
  const match = /digest: (sha256:[0-9a-f]{64})/i.exec(output);
  if (!match) throw new Error(`no digest in what docker printed:\n${output}`);
  return match[1]!;
}
