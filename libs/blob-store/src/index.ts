export {
  BlobStore,
  ObjectEnded,
  ObjectNotFound,
  StoreUnavailable,
  UnfinishedObjectLost,
  type AppendOptions,
  type AppendResult,
  type ByteRange,
  type HiddenUpload,
  type ObjectStat,
  type UnfinishedObject,
} from './blob-store.js';
export { FilesystemBlobStore } from './drivers/filesystem-blob-store.js';
export { MemoryBlobStore } from './drivers/memory-blob-store.js';
export { S3BlobStore, type S3BlobStoreOptions } from './drivers/s3-blob-store.js';
export { type S3Address } from './drivers/s3-connection.js';
export { isObjectKey } from './object-key.js';
export { BytesBody, type ObjectBody, StreamBody, written } from './object-body.js';
