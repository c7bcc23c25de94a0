import type { RepositoryName } from '@berth/oci';
import type { Database } from './database.js';

const CREATE = {
  name: 'repository-create',
  text: `INSERT INTO registry.repository (organisation_id, path, is_public) VALUES ($1, $2, $3) ON CONFLICT (path) DO NOTHING`,
};
const EXISTS = { name: 'repository-exists', text: `SELECT 1 FROM registry.repository WHERE path = $1` };

/** Repositories: image names under an organisation. Written by registry-v2. */
export class RepositoryStore {
  constructor(private readonly database: Database) {}

  /** Idempotent: a repository that is there stays as it is. */
  async create(path: RepositoryName, organisationId: string, isPublic: boolean): Promise<void> {
    await this.database.rows(CREATE, [organisationId, path, isPublic]);
  }

  async exists(path: RepositoryName): Promise<boolean> {
    return (await this.database.rows(EXISTS, [path])).length > 0;
  }
}
