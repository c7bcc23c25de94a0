import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { recordUse } from '../client-record.js';
import { CommandFailed, tryCommand, type CommandResult, type RunOptions } from '../run-command.js';
import { tempFolder, type TempFolder } from '../temp-folder.js';

const AUTH_FILE = 'auth.json';

/**
 * A real client with a home folder of its own: its logins, configuration and stored images are not those of the
 * machine, and go when it is removed. Registries are spoken to without TLS.
 */
export abstract class ClientProgram {
  protected readonly home: TempFolder = tempFolder('bc');

  constructor(
    protected readonly program: string,
    /** `host:port` of the registry under test. */
    readonly registry: string,
  ) {
    for (const name of ['tmp', 'run']) mkdirSync(join(this.home.path, name));
    writeFileSync(this.path(AUTH_FILE), '{}'); // podman and buildah refuse to start without the file they were told of
  }

  /** Runs the client and fails with all that it said when it does. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const result = await this.try(args, options);
    if (result.code !== 0) throw new CommandFailed(result);
    return result;
  }

  /** Runs the client and leaves the judgement on its exit code to the test. */
  async try(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const result = await tryCommand(this.program, [...this.globalArguments(), ...args], this.inHome(options));
    const { program: file, clientName: name, versionArguments } = this;
    recordUse({ file, name, versionArguments }, args, result.code);
    return result;
  }

  /** A reference in the registry under test: `reference('team/app:v1')`. */
  reference(name: string): string {
    return `${this.registry}/${name}`;
  }

  /** A path below this client's home, for layouts and archives. */
  path(...parts: string[]): string {
    return join(this.home.path, ...parts);
  }

  async remove(): Promise<void> {
    this.home.remove();
  }

  /** What the table of clients calls it; undefined for the program's name. */
  protected get clientName(): string | undefined {
    return undefined;
  }

  /** Arguments with which the client prints its version. */
  protected get versionArguments(): readonly string[] {
    return ['--version'];
  }

  /** Arguments that go before every subcommand. */
  protected globalArguments(): readonly string[] {
    return [];
  }

  private inHome(options: RunOptions): RunOptions {
    const env = {
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      HOME: this.home.path,
      TMPDIR: join(this.home.path, 'tmp'),
      XDG_RUNTIME_DIR: join(this.home.path, 'run'),
      DOCKER_CONFIG: join(this.home.path, '.docker'),
      REGISTRY_AUTH_FILE: this.path(AUTH_FILE),
      ...options.env,
    };
    return { ...options, env };
  }
}
