import { Database, UploadSessionStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { DataPlane } from './data-plane/data-plane.js';
import { DataPlaneAddress } from './data-plane/data-plane-address.js';
import { DataPlaneTraffic } from './data-plane/data-plane-traffic.js';
import { DataPlaneController } from './data-plane/data-plane.controller.js';
import { ReadGrants } from './data-plane/read-grants.js';
import { BLOB_STORE } from './object/blob-store.provider.js';
import { ObjectAuditController } from './object/object-audit.controller.js';
import { ObjectController } from './object/object.controller.js';
import { ObjectHasher } from './object/object-hasher.js';
import { ObjectRemover } from './object/object-remover.js';
import { ActiveAppends } from './upload/active-appends.js';
import { AppendUpload } from './upload/append-upload.js';
import { ClaimKeeper } from './upload/claim-keeper.js';
import { CompleteUpload } from './upload/complete-upload.js';
import { RunningHashes } from './upload/running-hashes.js';
import { SessionReaper } from './upload/session-reaper.js';
import { UploadController } from './upload/upload.controller.js';
import { UploadSessionService } from './upload/upload-session.service.js';

const SESSION_STORE = {
  provide: UploadSessionStore,
  useFactory: ({ uploadIdleSeconds, uploadMaxSeconds }: Settings, database: Database) =>
    new UploadSessionStore(database, { idleSeconds: uploadIdleSeconds, maxSeconds: uploadMaxSeconds }),
  inject: [Settings, Database],
};

@Module({
  controllers: [DataPlaneController, ObjectAuditController, ObjectController, UploadController],
  providers: [
    BLOB_STORE,
    SESSION_STORE,
    ActiveAppends,
    AppendUpload,
    ClaimKeeper,
    CompleteUpload,
    DataPlane,
    DataPlaneAddress,
    DataPlaneTraffic,
    ObjectHasher,
    ObjectRemover,
    ReadGrants,
    RunningHashes,
    SessionReaper,
    UploadSessionService,
  ],
})
export class StorageModule {}
