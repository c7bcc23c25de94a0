import { createHash } from 'node:crypto';
import {
  ABORT_OBJECTS,
  DELETE_OBJECTS,
  HASH_OBJECT,
  type HashObjectV1,
  LIST_OBJECTS,
  type ListObjectsV1,
  STAT_OBJECTS,
} from '@berth/contracts';
import type { InProcessBus } from '@berth/messaging';
import { registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';

interface StoredObject {
  bytes: Buffer;
  modified: number;
  hidden: boolean;
}

/** Answers what gc-worker asks storage, over objects that a test can damage. */
export class StoredObjects {
  readonly objects = new Map<string, StoredObject>();
  readonly asked: string[] = [];
  /** Called before each answer, with the contract's subject and a key: throws where the store is in trouble. */
  trouble: (subject: string, key: string) => void | Promise<void> = () => undefined;
  /** Keys of objects at which the store fails, while it answers for the others. */
  readonly unreadable = new Set<string>();
  /** Keys of objects of which it knows the size, and fails at the bytes. */
  readonly unreadableBytes = new Set<string>();
  /** Why nothing is deleted, though the store answers. */
  refusal: string | null = null;

  constructor(bus: InProcessBus) {
    answering(bus, LIST_OBJECTS, async (question) => {
      await this.answerTo(LIST_OBJECTS.subject, question.after);
      return this.list(question);
    });
    answering(bus, STAT_OBJECTS, async ({ objectKeys }) => {
      for (const key of objectKeys) await this.answerTo(STAT_OBJECTS.subject, key);
      return { sizes: objectKeys.map((key) => this.sizeOf(key)) };
    });
    answering(bus, HASH_OBJECT, async (question) => {
      await this.answerTo(HASH_OBJECT.subject, question.objectKey);
      if (this.sizeOf(question.objectKey) === 'unreadable') throw registryError('UNAVAILABLE');
      return this.hash(question);
    });
    for (const contract of [DELETE_OBJECTS, ABORT_OBJECTS]) {
      answering(bus, contract, async ({ objectKeys }) => {
        for (const key of objectKeys) await this.answerTo(contract.subject, key);
        const { refusal: reason } = this;
        if (reason !== null) return { failed: objectKeys.map((objectKey) => ({ objectKey, reason })) };
        const failed = objectKeys.filter((key) => this.unreadable.has(key));
        for (const key of objectKeys) if (!this.unreadable.has(key)) this.objects.delete(key);
        return { failed: failed.map((objectKey) => ({ objectKey, reason: 'the store fails at it' })) };
      });
    }
  }

  put(key: string, bytes: Buffer, { ageSeconds = 0, hidden = false } = {}): void {
    this.objects.set(key, { bytes, modified: Date.now() - ageSeconds * 1000, hidden });
  }

  /** The same size, other bytes. */
  rot(key: string): void {
    const { bytes } = this.objects.get(key)!;
    bytes[0] = bytes[0]! ^ 1;
  }

  away(): void {
    this.trouble = () => {
      throw registryError('UNAVAILABLE');
    };
  }

  back(): void {
    this.trouble = () => undefined;
  }

  private async answerTo(subject: string, key: string): Promise<void> {
    this.asked.push(`${subject} ${key}`);
    await this.trouble(subject, key);
  }

  private sizeOf(key: string): number | 'unreadable' | null {
    if (this.unreadable.has(key) || key.split('/').includes('..')) return 'unreadable';
    return this.objects.get(key)?.bytes.length ?? null;
  }

  private list({ after, limit, hidden }: ListObjectsV1) {
    const keys = [...this.objects.keys()]
      .filter((key) => key > after && !this.unreadable.has(key) && this.objects.get(key)!.hidden === hidden)
      .sort();
    const objects = keys.slice(0, limit).map((key) => {
      const { bytes, modified } = this.objects.get(key)!;
      return { key, size: bytes.length, modified, isOurs: !key.includes('foreign') };
    });
    return { objects, isEnd: keys.length <= limit };
  }

  /** Its state is the bytes so far. */
  private hash({ objectKey, size, algorithm, offset, length, state }: HashObjectV1) {
    const found = this.objects.get(objectKey)?.bytes;
    if (found?.length !== size) return { found: found ? ('size' as const) : ('missing' as const) };
    if (this.unreadableBytes.has(objectKey)) return { found: 'unreadable' as const };
    const soFar = Buffer.concat([Buffer.from(state ?? '', 'base64'), found.subarray(offset, offset + length)]);
    if (soFar.length < size) return { state: soFar.toString('base64') };
    return { hex: createHash(algorithm).update(soFar).digest('hex') };
  }
}
