import { type Descriptor, MEDIA_TYPE, type RegistryClient } from '@berth/testing';

/** What a list of referrers holds of one. */
export interface Referrer extends Descriptor {
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface ReferrerList {
  schemaVersion: number;
  mediaType: string;
  manifests: Referrer[];
}

/** The first page of what refers to a digest. Fails unless the answer is an index and says which filters it applied. */
export async function referrersOf(
  client: RegistryClient,
  name: string,
  subject: string,
  query: { artifactType?: string } = {},
): Promise<Referrer[]> {
  const answer = (await client.referrers(name, subject, query)).expect(200);
  expect(answer.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
  expect(answer.header('oci-filters-applied')).toBe(query.artifactType === undefined ? undefined : 'artifactType');
  const list = answer.json<ReferrerList>();
  expect(list).toMatchObject({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex });
  return list.manifests;
}
