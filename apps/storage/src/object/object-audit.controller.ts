import { BlobStore, isObjectKey, StoreUnavailable } from '@berth/blob-store';
import {
  ABORT_OBJECTS,
  type AbortedObjectsV1,
  AbortObjectsV1,
  HASH_OBJECT,
  type HashedObjectV1,
  HashObjectV1,
  LIST_OBJECTS,
  type ListedObjectsV1,
  ListObjectsV1,
  type ObjectSizesV1,
  STAT_OBJECTS,
  StatObjectsV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller, Logger, UseInterceptors } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ObjectHasher } from './object-hasher.js';
import { couldBeOurs, freshObjectKey, OBJECTS } from './object-key.js';
import { StoreFaults } from './store-faults.js';

const LOOKS_AT_ONCE = 16;

/** What gc-worker asks to compare rows and objects. A fault of the store is never an absence. */
@Controller()
@UseInterceptors(StoreFaults)
export class ObjectAuditController {
  private readonly logger = new Logger(ObjectAuditController.name);

  constructor(
    private readonly store: BlobStore,
    private readonly hasher: ObjectHasher,
  ) {}

  @Answers(LIST_OBJECTS)
  async list(@Payload() { after, limit, hidden }: ListObjectsV1): Promise<ListedObjectsV1> {
    const objects: ListedObjectsV1['objects'] = [];
    for await (const { key, size, at } of hidden ? this.hidden(after) : this.visible(after)) {
      if (objects.length === limit) return { objects, isEnd: false };
      objects.push({ key, size, modified: at.getTime(), isOurs: couldBeOurs(key) });
    }
    return { objects, isEnd: true };
  }

  @Answers(STAT_OBJECTS)
  async stat(@Payload() { objectKeys }: StatObjectsV1): Promise<ObjectSizesV1> {
    const sizes: ObjectSizesV1['sizes'] = objectKeys.map(() => 'unreadable');
    const queue = [...objectKeys.entries()].filter(([, key]) => isObjectKey(key));
    const work = async () => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        sizes[next[0]] = await this.sizeOf(next[1]);
      }
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, work));
    return { sizes };
  }

  @Answers(HASH_OBJECT)
  hash(@Payload() question: HashObjectV1): Promise<HashedObjectV1> {
    return this.hasher.hash(question);
  }

  @Answers(ABORT_OBJECTS)
  async abort(@Payload() { objectKeys }: AbortObjectsV1): Promise<AbortedObjectsV1> {
    const failed: AbortedObjectsV1['failed'] = [];
    for (const key of objectKeys) {
      await this.store
        .abort({ key, size: 0 })
        .catch((error: Error) => failed.push({ objectKey: key, reason: error.message }));
    }
    return { failed };
  }

  /** Whether a fault is of the object or of the store, a key says that was never used: of that one it knows that there is none. */
  private async sizeOf(objectKey: string): Promise<ObjectSizesV1['sizes'][number]> {
    try {
      return (await this.store.stat(objectKey))?.size ?? null;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      await this.store.stat(freshObjectKey());
      this.logger.warn({ msg: 'the object store fails at an object', objectKey, err: error });
      return 'unreadable';
    }
  }

  private async *visible(after: string) {
    for await (const { key, size, lastModified } of this.store.list(OBJECTS, after)) {
      yield { key, size, at: lastModified };
    }
  }

  private async *hidden(after: string) {
    for await (const { key, startedAt } of this.store.listHidden(OBJECTS, after)) yield { key, size: 0, at: startedAt };
  }
}
