import type { Digest, RepositoryName } from '@berth/oci';
import type { Database, Statement } from './database.js';

/** A manifest that refers to a subject, as a list shows it. */
export interface Referrer {
  digest: Digest;
  mediaType: string;
  size: number;
  artifactType: string | null;
  annotations: Record<string, string> | null;
}

export interface ReferrerQuery {
  repository: RepositoryName;
  subject: Digest;
  /** Only those of this type; undefined: of any. */
  artifactType: string | undefined;
  /** Exclusive, need not exist; empty for the first page. */
  after: string;
  limit: number;
}

export interface ReferrerPage {
  referrers: Referrer[];
  more: boolean;
}

/** Well below what a message carries, and what a client reads at once. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** A descriptor as JSON without its annotations: 135 characters of digest, 255 of a type that may have four bytes each. */
const DESCRIPTOR_BYTES = 1_500;

/**
 * The size of a manifest is more than that of its annotations, so that a page is weighed without reading them. The
 * repository is a subquery, not a join: what one index gives in order is then not sorted again.
 */
const listing = (name: string, condition: string): Statement => ({
  name,
  text: `SELECT digest, media_type, size, artifact_type, annotations, found FROM (
      SELECT page.*, row_number() OVER in_order AS position, count(*) OVER () AS found,
        sum($5::int + CASE WHEN annotations IS NULL THEN 0 ELSE size END) OVER in_order AS weight
      FROM (SELECT m.digest, m.media_type, m.size, m.artifact_type, m.annotations FROM registry.manifest m
        WHERE m.repository_id = (SELECT id FROM registry.repository WHERE path = $1)
          AND m.subject_digest = $2 AND m.digest > $3 ${condition} ORDER BY m.digest LIMIT $4 + 1) page
      WINDOW in_order AS (ORDER BY digest)) weighed
    WHERE position <= $4 AND (weight <= $6 OR position = 1) ORDER BY digest`,
});
const LIST = listing('referrer-list', '');
const LIST_OF_TYPE = listing('referrer-list-of-type', 'AND m.artifact_type = $7');

/** Referrers: manifests by the subject that they name. Written with the manifest, by ManifestStore. */
export class ReferrerStore {
  constructor(private readonly database: Database) {}

  /**
   * Up to `limit` referrers in digest order, and fewer where they would be more than 2 MiB of descriptors, but always one.
   * Empty where there is no such subject or repository.
   */
  async list({ repository, subject, artifactType, after, limit }: ReferrerQuery): Promise<ReferrerPage> {
    const values = [repository, subject, after, limit, DESCRIPTOR_BYTES, PAGE_BYTES];
    const rows =
      artifactType === undefined
        ? await this.database.rows<ReferrerRow>(LIST, values)
        : await this.database.rows<ReferrerRow>(LIST_OF_TYPE, [...values, artifactType]);
    return { referrers: rows.map(referrer), more: Number(rows[0]?.found ?? 0) > rows.length };
  }
}

interface ReferrerRow {
  digest: Digest;
  media_type: string;
  size: number;
  artifact_type: string | null;
  annotations: Record<string, string> | null;
  /** One more than the limit where there are more; a bigint, as text. */
  found: string;
}

const referrer = (row: ReferrerRow): Referrer => ({
  digest: row.digest,
  mediaType: row.media_type,
  size: row.size,
  artifactType: row.artifact_type,
  annotations: row.annotations,
});
