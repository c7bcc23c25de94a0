import { Client } from 'minio';

import type { TestMinio } from './minio.js';

/** What a bucket holds, as S3 itself lists it. */
export interface BucketContent {
  /** In order. */
  keys: string[];
  /** Keys of multipart uploads that were neither completed nor aborted. */
  incomplete: string[];
}

/** Lists up to 1,000 objects and 1,000 multipart uploads: enough for a test, and a failure beyond. */
export async function contentOf(
  { endpoint, accessKey, secretKey }: Pick<TestMinio, 'endpoint' | 'accessKey' | 'secretKey'>,
  bucket: string,
): Promise<BucketContent> {
  const { hostname, port } = new URL(endpoint);
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
  const objects = await client.listObjectsV2Query(bucket, '', '', '', 1000, '');
  const { uploads, isTruncated } = await client.listIncompleteUploadsQuery(bucket, '', '', '', '');
  if (objects.isTruncated || isTruncated) throw new Error(`the bucket ${bucket} holds more than one page`);
  return {
    keys: objects.objects.map(({ name }) => name ?? '').sort(),
    incomplete: uploads.map(({ key }) => key).sort(),
  };
}
