import { BlobStore, isObjectKey } from '@berth/blob-store';
import {
  DELETE_OBJECTS,
  type DeletedObjectsV1,
  DeleteObjectsV1,
  GRANT_READ,
  GrantReadV1,
  PRESIGN_READ,
  type PresignedReadV1,
  PresignReadV1,
  type ReadGrantV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Settings } from '@berth/platform';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ReadGrants } from '../data-plane/read-grants.js';

const DELETES_AT_ONCE = 16;

@Controller()
export class ObjectController {
  constructor(
    private readonly grants: ReadGrants,
    private readonly store: BlobStore,
    private readonly settings: Settings,
  ) {}

  @Answers(GRANT_READ)
  grantRead(@Payload() { objectKey, size }: GrantReadV1): ReadGrantV1 {
    return this.grants.issue({ objectKey, size });
  }

  @Answers(PRESIGN_READ)
  async presignRead(@Payload() { objectKey }: PresignReadV1): Promise<PresignedReadV1> {
    const expiresIn = this.settings.readGrantSeconds;
    return { url: await this.store.presignRead(objectKey, expiresIn), expiresIn };
  }

  /** What is no key of an object, because somebody wrote it into a row by hand, names nothing that is to be deleted. */
  @Answers(DELETE_OBJECTS)
  async delete(@Payload() { objectKeys }: DeleteObjectsV1): Promise<DeletedObjectsV1> {
    const failed: DeletedObjectsV1['failed'] = [];
    const queue = objectKeys.filter(isObjectKey);
    const work = async () => {
      for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
        const objectKey = key;
        await this.store.delete(objectKey).catch((error: Error) => failed.push({ objectKey, reason: error.message }));
      }
    };
    await Promise.all(Array.from({ length: DELETES_AT_ONCE }, work));
    return { failed };
  }
}
