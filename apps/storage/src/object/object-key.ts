import { randomUUID } from 'node:crypto';

/**
 * A key that was never used before: `objects/ab/<uuid>`. It carries no digest, which is not known before the last byte,
 * so that nothing is copied or renamed at commit; digest to key is the blob's row.
 *
 *     objects/
 *       ab/                 the first two characters of the uuid, so that no folder grows without end
 *         ab3f...-uuid      one incarnation of one blob
 */
export function freshObjectKey(): string {
  const id = randomUUID();
  return `objects/${id.slice(0, 2)}/${id}`;
}

const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Below it lies all that storage writes. */
export const OBJECTS = 'objects/';
const OURS = new RegExp(`^${OBJECTS}[0-9a-f]{2}/${UUID}(\\.tail\\.${UUID})?$`);

/** Whether storage, or its driver beside such a key, could have written it: anything else in the bucket is somebody else's. */
export const couldBeOurs = (key: string): boolean => OURS.test(key);
