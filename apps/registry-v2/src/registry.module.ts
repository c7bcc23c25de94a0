import {
  Database,
  ManifestStore,
  OutboxStore,
  ReferrerStore,
  RepositoryBlobStore,
  RepositoryRemovalStore,
  RepositoryStore,
  TagStore,
} from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { BlobController } from './blob/blob.controller.js';
import { BlobService } from './blob/blob.service.js';
import { Events } from './event/events.js';
import { ManifestController } from './manifest/manifest.controller.js';
import { ManifestService } from './manifest/manifest.service.js';
import { PutManifest } from './manifest/put-manifest.js';
import { ReferrerController } from './referrer/referrer.controller.js';
import { EnsureRepository } from './repository/ensure-repository.js';
import { Repositories } from './repository/repositories.js';
import { RepositoryController } from './repository/repository.controller.js';
import { Retag } from './tag/retag.js';
import { TagController } from './tag/tag.controller.js';
import { CommitUpload } from './upload/commit-upload.js';
import { StartUpload } from './upload/start-upload.js';
import { UploadController } from './upload/upload.controller.js';

const STORES = [OutboxStore, ReferrerStore].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

const BLOB_STORE = {
  provide: RepositoryBlobStore,
  useFactory: (database: Database, { leaseSeconds, readGrantSeconds }: Settings) =>
    new RepositoryBlobStore(database, { leaseSeconds, pullWindowSeconds: readGrantSeconds }),
  inject: [Database, Settings],
};

const REMOVAL_STORE = {
  provide: RepositoryRemovalStore,
  useFactory: (database: Database, { readGrantSeconds }: Settings) =>
    new RepositoryRemovalStore(database, { pullWindowSeconds: readGrantSeconds }),
  inject: [Database, Settings],
};

const MANIFEST_STORE = {
  provide: ManifestStore,
  useFactory: (database: Database, { tagQuota, leaseSeconds }: Settings) =>
    new ManifestStore(database, tagQuota, leaseSeconds),
  inject: [Database, Settings],
};

const REPOSITORY_STORE = {
  provide: RepositoryStore,
  useFactory: (database: Database, { repositoryQuota }: Settings) => new RepositoryStore(database, repositoryQuota),
  inject: [Database, Settings],
};

const TAG_STORE = {
  provide: TagStore,
  useFactory: (database: Database, { tagQuota }: Settings) => new TagStore(database, tagQuota),
  inject: [Database, Settings],
};

@Module({
  controllers: [
    BlobController,
    ManifestController,
    ReferrerController,
    RepositoryController,
    TagController,
    UploadController,
  ],
  providers: [
    ...STORES,
    BLOB_STORE,
    MANIFEST_STORE,
    REPOSITORY_STORE,
    TAG_STORE,
    BlobService,
    CommitUpload,
    EnsureRepository,
    Events,
    ManifestService,
    PutManifest,
    REMOVAL_STORE,
    Repositories,
    Retag,
    StartUpload,
  ],
})
export class RegistryModule {}
