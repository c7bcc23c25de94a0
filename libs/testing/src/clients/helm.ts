import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export function findHelm(): Found {
  return findProgram('helm');
}

export interface Chart {
  name: string;
  version: string;
  description?: string;
}

/** Charts as artifacts of a registry. */
export class Helm extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('helm'), registry);
  }

  login(user: string, password: string): Promise<CommandResult> {
    const options = ['--plain-http', '-u', user, '--password-stdin'];
    return this.run(['registry', 'login', ...options, this.registry], { input: password });
  }

  logout(): Promise<CommandResult> {
    return this.run(['registry', 'logout', this.registry]);
  }

  /** Packs a chart of one template; gives the path of the archive. */
  async package({ name, version, description = '' }: Chart): Promise<string> {
    const folder = this.path('charts', name);
    mkdirSync(`${folder}/templates`, { recursive: true });
    writeFileSync(`${folder}/Chart.yaml`, JSON.stringify({ apiVersion: 'v2', name, version, description }));
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}' } };
    writeFileSync(`${folder}/templates/map.yaml`, JSON.stringify(object));
    await this.run(['package', folder, '--destination', this.path('packages')]);
    return this.path('packages', `${name}-${version}.tgz`);
  }

  /** Pushes an archive into a folder of repositories: the chart's name is the last component. Gives the digest. */
  async push(archive: string, parent: string): Promise<string> {
    const { stdout, stderr } = await this.run(['push', '--plain-http', archive, this.remote(parent)]);
    return /Digest: (sha256:[0-9a-f]{64})/.exec(stdout + stderr)![1]!;
  }

  /** Pulls the chart of this version, or of the highest in a range (`^1.0`); gives the archive's bytes by its name. */
  async pull(repository: string, version: string): Promise<Map<string, Buffer>> {
    const folder = this.path('pulled', version);
    mkdirSync(folder, { recursive: true });
    const options = ['--plain-http', '--version', version, '--destination', folder];
    await this.run(['pull', ...options, this.remote(repository)]);
    return new Map(readdirSync(folder).map((name) => [name, readFileSync(`${folder}/${name}`)]));
  }

  /** What Chart.yaml says. */
  async showChart(repository: string, version: string): Promise<string> {
    const options = ['--plain-http', '--version', version];
    return (await this.run(['show', 'chart', ...options, this.remote(repository)])).stdout;
  }

  remote(repository: string): string {
    return `oci://${this.reference(repository)}`;
  }

  protected override get versionArguments(): readonly string[] {
    return ['version', '--short'];
  }
}
