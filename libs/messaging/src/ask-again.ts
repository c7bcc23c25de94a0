import type { RequestContract } from '@berth/contracts';
import { RegistryError } from '@berth/oci';
import type { MessageBus } from './message-bus.js';

/**
 * For questions whose answer may take long, and that may be asked twice: whoever took the question may have died with it,
 * and nothing tells. So the first wait is short and each next one longer; the last UNAVAILABLE is the caller's. `ask`
 * makes the question for an attempt, counted from 0.
 */
export async function askAgain<Request extends object, Reply>(
  bus: MessageBus,
  contract: RequestContract<Request, Reply>,
  ask: (attempt: number) => NoInfer<Request>,
  waitsMs: readonly number[],
): Promise<Reply> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await bus.request<Request, Reply>(contract, ask(attempt), { timeoutMs: waitsMs[attempt]! });
    } catch (error) {
      const unanswered = error instanceof RegistryError && error.code === 'UNAVAILABLE';
      if (!unanswered || attempt === waitsMs.length - 1) throw error;
    }
  }
}
