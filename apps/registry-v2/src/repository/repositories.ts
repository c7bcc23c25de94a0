import {
  type CreateRepositoryV1,
  type DeleteRepositoryV1,
  MANIFEST_DELETED,
  type UpdateRepositoryV1,
} from '@berth/contracts';
import { RepositoryRemovalStore, RepositoryStore } from '@berth/metadata';
import type { RepositoryName } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';

/** Repositories as the management API has them. Who may do what was decided before. */
@Injectable()
export class Repositories {
  constructor(
    private readonly repositories: RepositoryStore,
    private readonly removal: RepositoryRemovalStore,
    private readonly events: Events,
  ) {}

  async create({ repository, ...attributes }: CreateRepositoryV1): Promise<{ repository: RepositoryName }> {
    const outcome = await this.repositories.create(repository, attributes);
    if (outcome === 'exists') throw new SwrError('REPOSITORY_EXISTS');
    if (outcome === 'quota-reached') throw new SwrError('REPOSITORY_QUOTA_REACHED');
    if (outcome === 'organisation-unknown') throw new SwrError('ORGANISATION_UNKNOWN');
    return { repository };
  }

  async update({ repository, ...change }: UpdateRepositoryV1): Promise<{ repository: RepositoryName }> {
    if (!(await this.repositories.update(repository, change))) throw new SwrError('REPOSITORY_UNKNOWN');
    return { repository };
  }

  async delete({ repository }: DeleteRepositoryV1): Promise<{ repository: RepositoryName }> {
    const outcome = await this.removal.remove(repository, (digest) => ({
      subject: MANIFEST_DELETED.subject,
      payload: { repository, digest },
    }));
    this.events.nudge();
    this.events.garbageQueued();
    if (outcome === 'unknown') throw new SwrError('REPOSITORY_UNKNOWN');
    if (outcome === 'not-empty') throw new SwrError('REPOSITORY_NOT_EMPTY');
    if (outcome === 'busy') throw new SwrError('BUSY');
    return { repository };
  }
}
