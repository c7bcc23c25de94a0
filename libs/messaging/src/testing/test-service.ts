import { defineRequest } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Controller, type LoggerService, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CustomTransportStrategy, Payload } from '@nestjs/microservices';
import { IsIn, IsInt, IsOptional, IsString } from 'class-validator';
import { Answers } from '../answers.js';
import type { MessageBus } from '../message-bus.js';
import { currentRequest, currentRequestId, type RequestOrigin } from '../request-context.js';

export class EchoV1 {
  @IsString()
  text!: string;

  @IsOptional()
  @IsInt()
  number?: number;
}

export interface EchoedV1 {
  text: string;
  requestId: string | undefined;
  origin: RequestOrigin | undefined;
  /** The handler got an instance of the message's class. */
  parsed: boolean;
  /** Which of several replicas answered. */
  replica: string;
}

export class FailV1 {
  @IsIn(['registry-error', 'swr-error', 'outage', 'thrown', 'rejected', 'text'])
  how!: 'registry-error' | 'swr-error' | 'outage' | 'thrown' | 'rejected' | 'text';
}

export class NothingV1 {}

export const ECHO = defineRequest<EchoV1, EchoedV1>('test.echo.v1', EchoV1);
/** Asks for an echo on its own behalf. */
export const ECHO_TWICE = defineRequest<EchoV1, EchoedV1>('test.echo.twice.v1', EchoV1);
export const FAIL = defineRequest<FailV1, never>('test.fail.v1', FailV1);
/** Answers when the test opens its gate. */
export const WAIT = defineRequest<NothingV1, { waited: true }>('test.wait.v1', NothingV1);
export const WAIT_BRIEFLY = { ...WAIT, timeoutMs: 100 };
/** Gives the same object each time. */
export const SHARED = defineRequest<NothingV1, { list: unknown[] }>('test.shared.v1', NothingV1);
export const SILENT = defineRequest<NothingV1, void>('test.silent.v1', NothingV1);
export const NOBODY = defineRequest<NothingV1, never>('test.nobody.v1', NothingV1);

/** What the handlers of one service did, and how the test holds them up. */
export class TestService {
  readonly shared = { list: [1, new Date(0)] as unknown[] };
  readonly received: object[] = [];
  readonly errors: { msg?: string; subject?: string; err?: unknown }[] = [];
  waiting = 0;
  private open: () => void = () => undefined;
  private gate: Promise<void> = Promise.resolve();

  constructor(
    readonly bus: MessageBus,
    readonly name = 'a',
  ) {}

  closeGate(): void {
    this.gate = new Promise((resolve) => (this.open = resolve));
  }

  openGate(): void {
    this.open();
  }

  /** Starts it on a transport, as a process of its own would. */
  async start(strategy: CustomTransportStrategy): Promise<{ close(): Promise<void> }> {
    const quiet = () => undefined;
    const error = (message: unknown) => void this.errors.push(message as object);
    const logger: LoggerService = { log: quiet, warn: quiet, error };
    const app = await NestFactory.createMicroservice(moduleOf(this.controller()), {
      strategy,
      logger,
      abortOnError: false,
    });
    await app.listen();
    return app;
  }

  async wait(): Promise<{ waited: true }> {
    this.waiting++;
    await this.gate;
    this.waiting--;
    return { waited: true };
  }

  private controller(): Type {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- decorators cannot be on an arrow function
    const service = this;

    @Controller()
    class TestController {
      @Answers(ECHO)
      echo(@Payload() request: EchoV1): EchoedV1 {
        service.received.push(request);
        const answer = { text: request.text, parsed: request instanceof EchoV1, replica: service.name };
        request.text = 'changed by the handler';
        return { ...answer, requestId: currentRequestId(), origin: currentRequest()?.origin };
      }

      @Answers(ECHO_TWICE)
      async echoTwice(@Payload() request: EchoV1): Promise<EchoedV1> {
        await Promise.resolve();
        return service.bus.request(ECHO, { text: request.text });
      }

      @Answers(FAIL)
      async fail(@Payload() { how }: FailV1): Promise<never> {
        switch (how) {
          case 'registry-error':
            throw registryError(
              'BLOB_UPLOAD_INVALID',
              { offset: 5 },
              { status: 416, message: 'chunk out of order', headers: { Range: '0-4' } },
            );
          case 'swr-error':
            throw new SwrError('ORGANISATION_EXISTS', 'acme is there already');
          case 'outage':
            throw registryError('UNAVAILABLE', undefined, { cause: new Error('the disk is on fire') });
          case 'thrown':
            throw new Error('the password is swordfish');
          case 'rejected':
            await Promise.resolve();
            return await Promise.reject<never>(new TypeError('the password is swordfish'));
          case 'text':
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a careless library does
            throw 'the password is swordfish';
        }
      }

      @Answers(WAIT)
      wait(@Payload() _request: NothingV1): Promise<{ waited: true }> {
        return service.wait();
      }

      @Answers(SHARED)
      giveShared(@Payload() _request: NothingV1): { list: unknown[] } {
        return service.shared;
      }

      @Answers(SILENT)
      async beSilent(@Payload() _request: NothingV1): Promise<void> {}
    }
    return TestController;
  }
}

function moduleOf(controller: Type): Type {
  @Module({ controllers: [controller] })
  class TestModule {}
  return TestModule;
}
