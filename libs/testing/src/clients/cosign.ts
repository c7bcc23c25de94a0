import type { CommandResult } from '../run-command.js';
import { findProgram, requireProgram, type Found } from '../servers/find-program.js';
import { ClientProgram } from './client-program.js';

export function findCosign(): Found {
  return findProgram('cosign');
}

/**
 * Where the signature goes: `tag` is the classic scheme, a tag made of the digest that is signed; `referrers` is a manifest
 * with a subject, found by the referrers API.
 */
export type SignatureScheme = 'tag' | 'referrers';

const HTTP = ['--allow-insecure-registry', '--allow-http-registry'];
const PASSWORD = { COSIGN_PASSWORD: 'berth' };

/** Signs with a key pair of its own and keeps no transparency log. */
export class Cosign extends ClientProgram {
  constructor(registry: string) {
    super(requireProgram('cosign'), registry);
  }

  login(user: string, password: string): Promise<CommandResult> {
    return this.run(['login', '-u', user, '--password-stdin', this.registry], { input: password });
  }

  /** Makes `cosign.key` and `cosign.pub` in this client's home. */
  generateKeyPair(): Promise<CommandResult> {
    return this.run(['generate-key-pair'], { env: PASSWORD, cwd: this.home.path });
  }

  sign(repository: string, digest: string, scheme: SignatureScheme = 'tag'): Promise<CommandResult> {
    const mode = scheme === 'referrers' ? ['--registry-referrers-mode=oci-1-1'] : [];
    const options = ['--yes', '--key', this.path('cosign.key'), '--tlog-upload=false', ...mode, ...HTTP];
    return this.run(['sign', ...options, this.image(repository, digest)], { env: this.environment(scheme) });
  }

  /** Verifies with the public key. Ends with another code than 0 when there is no good signature of this digest. */
  verify(repository: string, digest: string, scheme: SignatureScheme = 'tag'): Promise<CommandResult> {
    const mode = scheme === 'referrers' ? ['--experimental-oci11'] : [];
    const options = ['--key', this.path('cosign.pub'), '--insecure-ignore-tlog', ...mode, ...HTTP];
    return this.try(['verify', ...options, this.image(repository, digest)], { env: this.environment(scheme) });
  }

  protected override get versionArguments(): readonly string[] {
    return ['version'];
  }

  private image(repository: string, digest: string): string {
    return `${this.reference(repository)}@${digest}`;
  }

  private environment(scheme: SignatureScheme): NodeJS.ProcessEnv {
    return { ...PASSWORD, ...(scheme === 'referrers' && { COSIGN_EXPERIMENTAL: '1' }) };
  }
}
