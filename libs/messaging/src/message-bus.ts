import type { RequestContract } from '@berth/contracts';

export interface RequestOptions {
  /** How long to wait, where that differs from the contract's. */
  timeoutMs?: number;
}

/**
 * Asks other services. One implementation per transport; callers see contracts only.
 * A RegistryError that the answerer throws arrives as a RegistryError, a SwrError as a SwrError. Nobody there, no answer
 * in time, or no connection: UNAVAILABLE. Anything else that went wrong over there: UNKNOWN, with its log line on that
 * side.
 */
export abstract class MessageBus {
  abstract request<Request extends object, Reply>(
    contract: RequestContract<Request, Reply>,
    request: NoInfer<Request>,
    options?: RequestOptions,
  ): Promise<Reply>;

  /** Resolves when questions can be asked. */
  abstract ready(): Promise<void>;

  abstract close(): Promise<void>;
}
