/** A repository as the management API shows it. Times are RFC 3339. */
export interface RepositoryViewV1 {
  /** A number in decimal. */
  id: string;
  organisation: string;
  /** A number in decimal. */
  organisationId: string;
  /** The path without the organisation. */
  name: string;
  accountId: string;
  accountName: string;
  /** The organisation's creator where the repository's is not known, or gone. */
  creatorId: string;
  creatorName: string;
  isPublic: boolean;
  category: string;
  description: string;
  createdAt: string;
  updatedAt: string;
  /** Bytes of its linked blobs and its manifests, each once. */
  size: number;
  tagCount: number;
  /** How often images of it were pulled. */
  pulls: number;
  /** Those that changed last, the last one first; as many as were asked for at most. */
  tags: string[];
}
