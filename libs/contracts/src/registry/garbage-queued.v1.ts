import { defineEvent } from '../contract.js';

/** Something that may be due is in a queue of gc-worker. It finds it without this, only later. */
export class GarbageQueuedV1 {}

export const GARBAGE_QUEUED = defineEvent('registry.garbage.queued.v1', GarbageQueuedV1);
