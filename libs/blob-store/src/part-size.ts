const MIB = 2 ** 20;

/** Bytes of the first parts, and the largest object that is stored by one PUT. */
export const FIRST_PART_SIZE = 8 * MIB;

/** S3 allows no more. */
export const MOST_PARTS = 10_000;

/** Stays below 2 GiB, the most that Node hashes in one piece; 5 GiB is what S3 allows. */
const LARGEST_PART_SIZE = 1792 * MIB;
const PARTS_PER_STEP = 1000;

/**
 * Bytes of part `partNumber` (1 to 10,000) of a multipart upload: 8 MiB for the first 1,000, then twice as much for each
 * further 1,000, so that 10,000 parts reach S3's limit of 5 TiB while memory stays small for what is really pushed:
 *
 *     parts up to   1,000   2,000   3,000   4,000   5,000   10,000
 *     part            8      16      32      64     128     1,792 MiB
 *     object          7.8    23      55     117     242     5,492 GiB
 */
export function partSize(partNumber: number): number {
  if (partNumber < 1 || partNumber > MOST_PARTS) throw new RangeError(`no part ${partNumber}`);
  const step = Math.floor((partNumber - 1) / PARTS_PER_STEP);
  return Math.min(FIRST_PART_SIZE * 2 ** step, LARGEST_PART_SIZE);
}
