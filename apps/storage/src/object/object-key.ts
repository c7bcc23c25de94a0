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
