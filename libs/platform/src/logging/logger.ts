import { currentRequestId, currentTraceId } from '@berth/messaging';
import type { LoggerService } from '@nestjs/common';
import { type Logger, pino } from 'pino';

/** Names of fields that are never shown, at the top of a line or up to two levels down (the headers of a request). */
const SECRETS = ['password', 'token', 'secret', 'authorization', 'cookie'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** Lines are written together: one system call each would cost more than the request they tell of. */
const BUFFERED = 4096;
const FLUSH_MS = 500;

/** The process's log: JSON lines on standard output, each with the id of the request, and of the trace, in which it was written. */
export function createLogger(service: string, level: string): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '[redacted]' },
      mixin: () => {
        const [requestId, traceId] = [currentRequestId(), currentTraceId()];
        return { ...(requestId !== undefined && { requestId }), ...(traceId !== undefined && { traceId }) };
      },
    },
    pino.destination({ fd: 1, sync: false, minLength: BUFFERED, periodicFlush: FLUSH_MS }),
  );
}

/** Lets Nest, and every `new Logger(context)` of ours, write to pino. A message is a text or an object of fields. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    // Nest's account of its own start-up is of interest to whoever debugs Berth, not to its operator.
    this.write(typeof message === 'string' ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: 'error' | 'warn' | 'info' | 'debug' | 'trace', message: unknown, rest: unknown[]): void {
    const context = rest.at(-1);
    const fields = typeof context === 'string' ? { context } : {};
    if (message instanceof Error) this.logger[level]({ ...fields, err: message });
    else if (typeof message === 'object' && message !== null) this.logger[level]({ ...fields, ...message });
    else this.logger[level](fields, String(message));
  }
}
