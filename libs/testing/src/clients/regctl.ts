import { mkdirSync, writeFileSync } from 'node:fs';

import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export function findRegctl(): Found {
  return findProgram('regctl');
}

export class Regctl extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('regctl'), registry);
    mkdirSync(this.path('.regctl'));
    const host = { tls: 'disabled', hostname: registry, reqConcurrent: 3 };
    writeFileSync(this.path('.regctl/config.json'), JSON.stringify({ hosts: { [registry]: host } }));
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['registry', 'login', '-u', user, '--pass-stdin', this.registry], { input: password });
  }

  /** Copies images and indexes between `ocidir:///path:tag` and references of the registry. */
  copy(from: string, to: string, ...options: string[]): Promise<CommandResult> {
    return this.run(['image', 'copy', ...options, from, to]);
  }

  async manifest(name: string): Promise<Buffer> {
    return (await this.run(['manifest', 'get', '--format', 'raw-body', this.reference(name)])).bytes;
  }

  async digest(name: string): Promise<string> {
    return (await this.run(['manifest', 'head', this.reference(name)])).stdout.trim();
  }

  async listTags(repository: string): Promise<string[]> {
    return (await this.run(['tag', 'ls', this.reference(repository)])).stdout.split('\n').filter(Boolean);
  }

  deleteTag(name: string): Promise<CommandResult> {
    return this.run(['tag', 'delete', this.reference(name)]);
  }

  /** Deletes by digest. */
  deleteManifest(repository: string, digest: string): Promise<CommandResult> {
    return this.run(['manifest', 'delete', `${this.reference(repository)}@${digest}`]);
  }

  async blob(repository: string, digest: string): Promise<Buffer> {
    return (await this.run(['blob', 'get', this.reference(repository), digest])).bytes;
  }

  /** Pushes bytes as a blob; gives the digest. */
  async putBlob(repository: string, bytes: Buffer): Promise<string> {
    const args = ['blob', 'put', this.reference(repository)];
    const { stdout } = await this.run(args, { input: bytes });
    return /sha256:[0-9a-f]{64}/.exec(stdout)![0];
  }

  /** Pushes an artifact that refers to a subject, under its digest; gives the digest. */
  async putReferrer(subject: string, artifactType: string, content: Buffer): Promise<string> {
    const options = ['--artifact-type', artifactType, '--subject', this.reference(subject)];
    const format = ['--format', '{{ .Manifest.GetDescriptor.Digest }}'];
    return (await this.run(['artifact', 'put', ...options, ...format], { input: content })).stdout.trim();
  }

  /** Pushes an artifact of one file under a tag. */
  putArtifact(name: string, artifactType: string, content: Buffer): Promise<CommandResult> {
    return this.run(['artifact', 'put', '--artifact-type', artifactType, this.reference(name)], { input: content });
  }

  /** The content of an artifact of one file. */
  async artifact(name: string): Promise<Buffer> {
    return (await this.run(['artifact', 'get', this.reference(name)])).bytes;
  }

  /** The digests of what refers to a subject, of one type if that is given. */
  async listReferrers(subject: string, artifactType?: string): Promise<string[]> {
    const filter = artifactType ? ['--filter-artifact-type', artifactType] : [];
    const format = ['--format', '{{ range .Descriptors }}{{ println .Digest }}{{ end }}'];
    const { stdout } = await this.run(['artifact', 'list', ...filter, ...format, this.reference(subject)]);
    return stdout.split('\n').filter(Boolean);
  }

  async repositories(): Promise<string[]> {
    return (await this.run(['repo', 'ls', this.registry])).stdout.split('\n').filter(Boolean);
  }

  layout(folder: string, tag = 'latest'): string {
    return `ocidir://${folder}:${tag}`;
  }

  protected override get versionArguments(): readonly string[] {
    return ['version'];
  }
}
