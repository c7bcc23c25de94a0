import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';

/** What a question ended with, as a label: `ok`, or the code of the error. */
export function outcomeOf(error: unknown): string {
  if (error instanceof SwrError) return error.error;
  return error instanceof RegistryError ? error.code : 'UNKNOWN';
}
