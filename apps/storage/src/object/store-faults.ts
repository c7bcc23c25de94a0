import { ObjectEnded, ObjectNotFound, StoreUnavailable, UnfinishedObjectLost } from '@berth/blob-store';
import { registryError } from '@berth/oci';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';

/** What a fault of the object store means to a registry client. */
export function asRegistryError(error: unknown): unknown {
  if (error instanceof StoreUnavailable) return registryError('UNAVAILABLE', undefined, { cause: error });
  if (error instanceof UnfinishedObjectLost) return registryError('BLOB_UPLOAD_UNKNOWN', undefined, { cause: error });
  if (error instanceof ObjectEnded) return takesNoMore(error);
  if (error instanceof ObjectNotFound) return registryError('UNKNOWN', undefined, { cause: error });
  return error;
}

const takesNoMore = (cause: ObjectEnded) =>
  registryError('BLOB_UPLOAD_INVALID', undefined, {
    status: 416,
    message: 'the upload has its last byte: it can be completed or cancelled',
    cause,
  });

/** Translates the store's faults on their way out of a controller. */
@Injectable()
export class StoreFaults implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => throwError(() => asRegistryError(error))));
  }
}
