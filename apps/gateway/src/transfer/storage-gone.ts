import { RegistryError } from '@berth/oci';

/**
 * UNAVAILABLE: the storage process of a grant is not there any more, and neither took nor gave a byte under it. Another
 * one may be asked for another grant.
 */
export class StorageGone extends RegistryError {
  constructor(cause: unknown) {
    super('UNAVAILABLE', undefined, { cause });
  }
}

const GRANTS_TRIED = 3;

/** Does `attempt`, which asks for a grant and spends it; again where the storage process of that was gone. */
export async function withAnotherGrant<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StorageGone) || tried === GRANTS_TRIED) throw error;
    }
  }
}
