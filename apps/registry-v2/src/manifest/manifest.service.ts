import {
  type DeleteManifestV1,
  type FoundManifestV1,
  type GetManifestV1,
  MANIFEST_DELETED,
  TAG_DELETED,
} from '@berth/contracts';
import { ManifestStore, RepositoryStore, TagStore } from '@berth/metadata';
import { parseReference, type Reference, type RegistryError, registryError, type RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';

@Injectable()
export class ManifestService {
  constructor(
    private readonly manifests: ManifestStore,
    private readonly tags: TagStore,
    private readonly repositories: RepositoryStore,
    private readonly events: Events,
  ) {}

  async get({ repository, reference, known }: GetManifestV1): Promise<FoundManifestV1> {
    const found = await this.manifests.find(repository, parseReference(reference), known);
    if (!found) throw await this.unknown(repository, reference);
    const { digest, mediaType, size, payload } = found;
    return { digest, mediaType, size, payload: payload?.toString('base64') ?? null };
  }

  async delete({ repository, reference }: DeleteManifestV1): Promise<{ reference: string }> {
    const outcome = await this.remove(repository, parseReference(reference));
    if (outcome === 'unknown') throw await this.unknown(repository, reference);
    if (outcome === 'referenced') {
      throw registryError(
        'DENIED',
        { reference },
        { status: 405, message: 'an index refers to the manifest: delete that first' },
      );
    }
    this.events.nudge();
    return { reference };
  }

  private async remove(
    repository: RepositoryName,
    reference: Reference,
  ): Promise<'deleted' | 'unknown' | 'referenced'> {
    if (reference.kind === 'digest') {
      const { digest } = reference;
      return this.manifests.delete(repository, digest, {
        subject: MANIFEST_DELETED.subject,
        payload: { repository, digest },
      });
    }
    const { tag } = reference;
    const event = { subject: TAG_DELETED.subject, payload: { repository, tag } };
    return (await this.tags.delete(repository, tag, event)) ? 'deleted' : 'unknown';
  }

  private async unknown(repository: RepositoryName, reference: string): Promise<RegistryError> {
    return (await this.repositories.exists(repository))
      ? registryError('MANIFEST_UNKNOWN', { name: repository, reference })
      : registryError('NAME_UNKNOWN', { name: repository });
  }
}
