import { eventually, GiveUp } from '@berth/testing';

/**
 * What a client does on 503: it tries again. A service that was killed takes a moment until it serves, of which the
 * gateway's readiness knows nothing. Any other failure than 503 is one.
 */
export async function onceAvailable<T>(action: () => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await eventually(
    async () => {
      try {
        return (result = { value: await action() });
      } catch (error) {
        if (/\b503\b/.test(String(error))) throw error;
        throw new GiveUp(String(error), { cause: error });
      }
    },
    { what: 'the registry serves again', within: 60_000, every: 500 },
  );
  return result!.value;
}
