import {
  type DeleteManifestV1,
  type FoundManifestV1,
  type GetManifestV1,
  MANIFEST_DELETED,
  type Precondition,
  TAG_DELETED,
} from '@berth/contracts';
import {
  type DeleteManifestOutcome,
  type DeleteTagOutcome,
  ManifestStore,
  RepositoryStore,
  TagStore,
} from '@berth/metadata';
import {
  type Digest,
  parseReference,
  type Reference,
  type RegistryError,
  registryError,
  type RepositoryName,
} from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';
import { preconditionFailed, preconditionHolds } from './precondition.js';

@Injectable()
export class ManifestService {
  constructor(
    private readonly manifests: ManifestStore,
    private readonly tags: TagStore,
    private readonly repositories: RepositoryStore,
    private readonly events: Events,
  ) {}

  async get({ repository, reference: given, known, lease }: GetManifestV1): Promise<FoundManifestV1> {
    const reference = parseReference(given);
    const found =
      lease && reference.kind === 'digest'
        ? await this.manifests.findAndLease(repository, reference.digest, known)
        : await this.manifests.find(repository, reference, known);
    if (!found) throw await this.unknown(repository, given);
    const { digest, mediaType, size, payload } = found;
    return { digest, mediaType, size, payload: payload?.toString('base64') ?? null };
  }

  async delete({ repository, reference, precondition }: DeleteManifestV1): Promise<{ reference: string }> {
    const outcome = await this.remove(repository, parseReference(reference), precondition);
    if (outcome === 'unknown') throw await this.unknown(repository, reference);
    if (outcome === 'referenced') {
      throw registryError(
        'UNSUPPORTED',
        { reference },
        { message: 'an index refers to the manifest: delete that first', headers: { allow: 'GET, HEAD, PUT' } },
      );
    }
    if (outcome === 'precondition-failed') throw preconditionFailed();
    this.events.nudge();
    return { reference };
  }

  private async remove(
    repository: RepositoryName,
    reference: Reference,
    precondition: Precondition | undefined,
  ): Promise<DeleteManifestOutcome | DeleteTagOutcome> {
    const holds = precondition && ((named: Digest) => preconditionHolds(precondition, named));
    if (reference.kind === 'digest') {
      const { digest } = reference;
      if (holds?.(digest) === false) {
        return (await this.manifests.find(repository, reference, [digest])) ? 'precondition-failed' : 'unknown';
      }
      return this.manifests.delete(repository, digest, {
        subject: MANIFEST_DELETED.subject,
        payload: { repository, digest },
      });
    }
    const { tag } = reference;
    const event = { subject: TAG_DELETED.subject, payload: { repository, tag } };
    return this.tags.delete(repository, tag, event, holds);
  }

  private async unknown(repository: RepositoryName, reference: string): Promise<RegistryError> {
    return (await this.repositories.exists(repository))
      ? registryError('MANIFEST_UNKNOWN', { name: repository, reference })
      : registryError('NAME_UNKNOWN', { name: repository });
  }
}
