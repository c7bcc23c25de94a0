import { randomUUID } from 'node:crypto';
import type { RequestContract } from '@berth/contracts';
import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import {
  applyDecorators,
  type ArgumentsHost,
  type CallHandler,
  Catch,
  type ExecutionContext,
  Injectable,
  Logger,
  type NestInterceptor,
  Optional,
  type RpcExceptionFilter,
  UseFilters,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { MessagePattern, NatsContext } from '@nestjs/microservices';
import { finalize, Observable, tap, throwError } from 'rxjs';
import { AnswerObserver } from './answer-observer.js';
import { InProcessContext } from './in-process/in-process-server.js';
import { type RequestContext, runInRequestContext } from './request-context.js';
import { readContext, readTrace } from './rpc-packet.js';
import { beginAnswer } from './trace.js';

/** Gives the handler the request context of the asker, so that its log lines and its own questions carry the same id. */
@Injectable()
class RequestContextInterceptor implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = requestOf(execution.switchToRpc().getContext<unknown>());
    return new Observable((subscriber) => runInRequestContext(request, () => next.handle().subscribe(subscriber)));
  }
}

function requestOf(context: unknown): RequestContext {
  if (context instanceof InProcessContext) return context.request ?? { requestId: randomUUID() };
  return readContext(headersOf(context));
}

const headersOf = (context: unknown) =>
  context instanceof NatsContext ? (context.getHeaders() as Parameters<typeof readContext>[0]) : undefined;

/** Makes the handler a part of the asker's trace; in one process it is that already. */
@Injectable()
class TracingInterceptor implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const answer = beginAnswer(subjectOf(execution), readTrace(headersOf(execution.switchToRpc().getContext())), false);
    if (!answer) return next.handle();
    const end = finalize(() => answer.end());
    return new Observable((subscriber) =>
      answer.run(() =>
        next
          .handle()
          .pipe(tap({ error: (error: unknown) => answer.fail(error) }), end)
          .subscribe(subscriber),
      ),
    );
  }
}

/** Lets the service's observer, where it has one, see each question begin and end. */
@Injectable()
class ObservingInterceptor implements NestInterceptor {
  constructor(@Optional() private readonly observer?: AnswerObserver) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const end = this.observer?.begin(subjectOf(execution));
    return end ? next.handle().pipe(tap({ error: end, complete: () => end() })) : next.handle();
  }
}

/** Puts errors on the wire: a RegistryError or SwrError as it is, anything else as UNKNOWN after it has been logged here, once. */
@Catch()
class RpcErrorFilter implements RpcExceptionFilter {
  private readonly logger = new Logger('Rpc');

  catch(error: unknown, host: ArgumentsHost): Observable<never> {
    if (error instanceof RegistryError || error instanceof SwrError) {
      if (error.status >= 500) this.logger.error({ msg: 'request failed', subject: subjectOf(host), err: error });
      return throwError(() => error.toWire());
    }
    this.logger.error({ msg: 'request failed', subject: subjectOf(host), err: error });
    return throwError(() => new RegistryError('UNKNOWN').toWire());
  }
}

const subjectOf = (host: ArgumentsHost): string =>
  String(host.switchToRpc().getContext<{ getArgByIndex(index: number): unknown }>().getArgByIndex(0));

const validate = new ValidationPipe({
  whitelist: true,
  forbidNonWhitelisted: true,
  transform: true,
  exceptionFactory: (failures) =>
    new RegistryError('UNKNOWN', undefined, {
      cause: new Error(`malformed message: ${failures.map(String).join('; ')}`),
    }),
});

/** Marks the method that answers a contract. Its argument is validated; what it throws reaches the asker as one error. */
export const Answers = <Request extends object, Reply>(contract: RequestContract<Request, Reply>): MethodDecorator =>
  applyDecorators(
    MessagePattern(contract.subject),
    UsePipes(validate),
    UseFilters(RpcErrorFilter),
    UseInterceptors(RequestContextInterceptor, TracingInterceptor, ObservingInterceptor),
  );
