import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { basic, type Credentials } from '../registry-client/token-flow.js';
import type { CommandResult } from '../run-command.js';
import type { TestBuildkitd } from '../servers/buildkitd.js';
import { requireProgram } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export interface Build {
  /** The files of the build by path, with one named Dockerfile. */
  files: Record<string, Buffer | string>;
  /** Where the image is pushed; it stays in the build's cache only where there is none. */
  name?: string;
  platforms?: readonly string[];
  /** Where the cache is written: an image manifest, or the older index of plain blobs. */
  cacheTo?: { name: string; form: 'index' | 'manifest' };
  cacheFrom?: string;
}

export interface BuildResult {
  /** The digest of the manifest or index that was pushed. */
  digest?: string;
  /** The steps that came from the cache, as the progress has them: `[base 2/3] RUN make`. */
  cached: string[];
}

/** BuildKit's client. It has no command for a login: it reads the file that docker login writes. */
export class Buildctl extends ClientProgram {
  constructor(
    private readonly server: TestBuildkitd,
    registry: string,
    credentials?: Credentials,
  ) {
    super(requireProgram('buildctl'), registry);
    if (!credentials) return;
    mkdirSync(this.path('.docker'));
    const auths = { [registry]: { auth: basic(credentials).slice('Basic '.length) } };
    writeFileSync(this.path('.docker/config.json'), JSON.stringify({ auths }));
  }

  async build({ files, name, platforms, cacheTo, cacheFrom }: Build): Promise<BuildResult> {
    const context = this.path('context');
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), content, { mode: 0o755 });
    }
    const metadata = this.path('metadata.json');
    const { stderr } = await this.run([
      ...['build', '--progress', 'plain', '--frontend', 'dockerfile.v0', '--metadata-file', metadata],
      ...['--local', `context=${context}`, '--local', `dockerfile=${context}`],
      ...(platforms ? ['--opt', `platform=${platforms.join(',')}`] : []),
      ...(name ? ['--output', `type=image,oci-mediatypes=true,push=true,name=${this.reference(name)}`] : []),
      ...(cacheTo ? ['--export-cache', this.cacheTarget(cacheTo)] : []),
      ...(cacheFrom ? ['--import-cache', `type=registry,ref=${this.reference(cacheFrom)}`] : []),
    ]);
    const { 'containerimage.digest': digest } = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>;
    return { digest, cached: cachedSteps(stderr) };
  }

  /** Forgets every build, so that the next one has nothing but what it imports. */
  prune(): Promise<CommandResult> {
    return this.run(['prune', '--all']);
  }

  protected override globalArguments(): readonly string[] {
    return ['--addr', this.server.address];
  }

  private cacheTarget({ name, form }: { name: string; form: 'index' | 'manifest' }): string {
    return `type=registry,mode=max,image-manifest=${form === 'manifest'},ref=${this.reference(name)}`;
  }
}

/** The progress has `#5 [base 1/2] COPY ...` and, on another line, `#5 CACHED`. */
function cachedSteps(progress: string): string[] {
  const names = new Map([...progress.matchAll(/^#(\d+) (\[.*)$/gm)].map(([, number, step]) => [number, step!]));
  return [...progress.matchAll(/^#(\d+) CACHED$/gm)].map(([, number]) => names.get(number) ?? '');
}
