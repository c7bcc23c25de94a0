import { BlobStore, FilesystemBlobStore, S3BlobStore } from '@berth/blob-store';
import { HealthChecks, Metrics, Settings } from '@berth/platform';
import { join } from 'node:path';
import { MeasuredBlobStore } from './measured-blob-store.js';

/** The driver that the settings choose. */
export const BLOB_STORE = {
  provide: BlobStore,
  useFactory: (settings: Settings, health: HealthChecks, metrics: Metrics): BlobStore => {
    const driver = settings.blobStore === 'filesystem' ? filesystem(settings) : s3(settings);
    const store = new MeasuredBlobStore(driver, metrics);
    health.add('object store', () => store.ready());
    return store;
  },
  inject: [Settings, HealthChecks, Metrics],
};

const filesystem = ({ dataDir }: Settings): BlobStore => new FilesystemBlobStore({ folder: join(dataDir, 'blobs') });

function s3(settings: Settings): BlobStore {
  const { s3Endpoint, s3PublicEndpoint, s3AccessKey, s3SecretKey, s3Region, s3Bucket } = settings;
  if (s3Endpoint === undefined || s3AccessKey === undefined || s3SecretKey === undefined) {
    throw new Error(
      'BERTH_S3_ENDPOINT, BERTH_S3_ACCESS_KEY and BERTH_S3_SECRET_KEY are needed, or BERTH_BLOB_STORE=filesystem',
    );
  }
  return new S3BlobStore({
    endpoint: s3Endpoint,
    ...(s3PublicEndpoint !== undefined && { publicEndpoint: s3PublicEndpoint }),
    accessKey: s3AccessKey,
    secretKey: s3SecretKey,
    region: s3Region,
    bucket: s3Bucket,
  });
}
