import {
  type Digest,
  parseDigest,
  parseReference,
  parseRepositoryName,
  type Reference,
  registryError,
  type RepositoryName,
} from '@berth/oci';

/** What a path below `/v2/` names. Identifiers of the spec in brackets. */
export type RegistryPath =
  | { kind: 'base' }
  | { kind: 'extensions' }
  | { kind: 'repositoryExtensions'; name: PathName }
  | { kind: 'referrers'; name: PathName; digest: Digest }
  | { kind: 'catalog' }
  | { kind: 'tags'; name: PathName }
  | { kind: 'manifest'; name: PathName; reference: Reference }
  | { kind: 'blob'; name: PathName; digest: Digest }
  | { kind: 'uploads'; name: PathName }
  | { kind: 'upload'; name: PathName; sessionId: string };

/** A repository as the path spells it, and as it is known inside. Answers repeat the spelling. */
export interface PathName {
  spelled: string;
  repository: RepositoryName;
}

/** A UUID of version 4, as storage makes them: no other can be one of ours. */
const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Of the registry, and behind a name of one repository. Spec: extensions/_oci.md. */
const DISCOVER_EXTENSIONS = '_oci/ext/discover';

/**
 * Reads the path behind `/v2/`, still percent-encoded. Names hold slashes, and may hold the words of the grammar, so it is
 * read from the right. Null where it is no path of the registry; NAME_INVALID and DIGEST_INVALID where it would be one.
 */
export function parseRegistryPath(path: string): RegistryPath | null {
  if (path === '') return { kind: 'base' };
  if (path === DISCOVER_EXTENSIONS) return { kind: 'extensions' };
  if (path === '_catalog') return { kind: 'catalog' };
  const segments = path.split('/').map(decodeSegment);
  const last = segments.at(-1)!;
  const before = segments.at(-2);
  const beforeThat = segments.at(-3);
  if (before === 'tags' && last === 'list') return { kind: 'tags', name: nameOf(segments, 2) };
  if (before === 'manifests') return { kind: 'manifest', name: nameOf(segments, 2), reference: parseReference(last) };
  if (beforeThat === 'blobs' && before === 'uploads') {
    const name = nameOf(segments, 3);
    if (last === '') return { kind: 'uploads', name };
    if (!SESSION_ID.test(last)) throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: last });
    return { kind: 'upload', name, sessionId: last };
  }
  if (before === 'referrers') return { kind: 'referrers', name: nameOf(segments, 2), digest: parseDigest(last) };
  if (segments.slice(-3).join('/') === DISCOVER_EXTENSIONS) {
    return { kind: 'repositoryExtensions', name: nameOf(segments, 3) };
  }
  if (before === 'blobs' && last === 'uploads') return { kind: 'uploads', name: nameOf(segments, 2) };
  if (before === 'blobs') return { kind: 'blob', name: nameOf(segments, 2), digest: parseDigest(last) };
  return null;
}

function nameOf(segments: string[], behind: number): PathName {
  const spelled = segments.slice(0, -behind).join('/');
  return { spelled, repository: parseRepositoryName(spelled) };
}

/** An encoded slash is no separator, and no name holds one. */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    const decoded = decodeURIComponent(segment);
    if (!decoded.includes('/')) return decoded;
  } catch {
    // Falls through: neither is a name.
  }
  throw registryError('NAME_INVALID', { name: segment });
}
