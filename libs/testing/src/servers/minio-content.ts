import { Client } from 'minio';

import type { TestMinio } from './minio.js';

/** What a bucket holds, as S3 itself lists it. */
export interface BucketContent {
  /** In order. */
  keys: string[];
  /** Keys of multipart uploads that were neither completed nor aborted. */
  incomplete: string[];
}

type Reached = Pick<TestMinio, 'endpoint' | 'accessKey' | 'secretKey'>;

function clientOf({ endpoint, accessKey, secretKey }: Reached): Client {
  const { hostname, port } = new URL(endpoint);
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
}

/** Rejects until requests are served: MinIO's own health checks answer 200 before that. */
export async function isServing(minio: Reached): Promise<true> {
  await clientOf(minio).listBuckets();
  return true;
}

/** Whether an object of this key is there. */
export async function hasObject(minio: Reached, bucket: string, key: string): Promise<boolean> {
  try {
    await clientOf(minio).statObject(bucket, key);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'NotFound') return false;
    throw error;
  }
}

/** Copies all objects of a bucket to a bucket of the same name on another server, as a backup of one does. */
export async function copyBucket(from: Reached, to: Reached, bucket: string): Promise<void> {
  const [source, target] = [clientOf(from), clientOf(to)];
  if (!(await target.bucketExists(bucket))) await target.makeBucket(bucket);
  for await (const { name, size } of source.listObjectsV2(bucket, '', true)) {
    await target.putObject(bucket, name, await source.getObject(bucket, name), size);
  }
}

/** Lists up to 1,000 objects and 1,000 multipart uploads: enough for a test, and a failure beyond. */
export async function contentOf(minio: Reached, bucket: string): Promise<BucketContent> {
  const client = clientOf(minio);
  const objects = await client.listObjectsV2Query(bucket, '', '', '', 1000, '');
  const { uploads, isTruncated } = await client.listIncompleteUploadsQuery(bucket, '', '', '', '');
  if (objects.isTruncated || isTruncated) throw new Error(`the bucket ${bucket} holds more than one page`);
  return {
    keys: objects.objects.map(({ name }) => name ?? '').sort(),
    incomplete: uploads.map(({ key }) => key).sort(),
  };
}
