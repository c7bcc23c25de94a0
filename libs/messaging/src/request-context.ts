import { AsyncLocalStorage } from 'node:async_hooks';

/** What follows a request through every service it touches. */
export interface RequestContext {
  requestId: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work`, and all that it awaits, on behalf of the request. */
export const runInRequestContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

/** The id of the request on whose behalf the caller runs; undefined for a service's own work. */
export const currentRequestId = (): string | undefined => storage.getStore()?.requestId;
