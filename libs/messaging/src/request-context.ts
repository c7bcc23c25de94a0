import { AsyncLocalStorage } from 'node:async_hooks';

/** Who makes a request, as the gateway found out: for the audit record, and never to decide on rights. */
export interface RequestOrigin {
  /** The client's address. */
  address?: string;
  /** Absent where nobody is logged in, as in open mode. */
  userId?: string;
  /** By what they are authenticated: the kind alone. */
  credential?: 'password' | 'access-key' | 'operator';
}

/** What follows a request through every service it touches. */
export interface RequestContext {
  requestId: string;
  origin?: RequestOrigin;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work`, and all that it awaits, on behalf of the request. */
export const runInRequestContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

/** The id of the request on whose behalf the caller runs; undefined for a service's own work. */
export const currentRequestId = (): string | undefined => storage.getStore()?.requestId;

/** The request on whose behalf the caller runs; undefined for a service's own work. */
export const currentRequest = (): Readonly<RequestContext> | undefined => storage.getStore();

/** The header, of HTTP and of NATS, by which services carry a request's id to each other, and show it to clients. */
export const REQUEST_ID = 'x-request-id';

/** Adds to what is known of the request's origin: all that it asks from now on carries it. */
export function noteOrigin(origin: RequestOrigin): void {
  const context = storage.getStore();
  if (context) context.origin = { ...context.origin, ...origin };
}
