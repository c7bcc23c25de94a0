import { defineRequest } from '@berth/contracts';
import { AnswerObserver, Answers, InProcessBus, InProcessServer } from '@berth/messaging';
import { registryError } from '@berth/oci';
import { Controller, type INestMicroservice, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { IsString } from 'class-validator';
import { MeasuredAnswers } from './measured-answers.js';
import { Metrics } from './metrics.js';

class AskV1 {
  @IsString()
  what!: string;
}
const ASK = defineRequest<AskV1, string>('test.ask.v1', AskV1);

describe(MeasuredAnswers, () => {
  let bus: InProcessBus;
  let metrics: Metrics;
  let service: INestMicroservice;
  let answer: (what: string) => Promise<string>;

  @Controller()
  class TestController {
    @Answers(ASK)
    answer(@Payload() { what }: AskV1): Promise<string> {
      return answer(what);
    }
  }

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bus = new InProcessBus();
    metrics = new Metrics('auth');
    const provider = { provide: AnswerObserver, useFactory: () => new MeasuredAnswers(metrics) };
    class TestModule {}
    const module = { module: TestModule, global: true, controllers: [TestController], providers: [provider] };
    service = await NestFactory.createMicroservice(module, {
      strategy: new InProcessServer(bus, 1_000),
      logger: false,
    });
    await service.listen();
  });
  afterEach(() => service.close());

  const line = async (start: RegExp) => start.exec(await metrics.registry.metrics())?.[0];

  it('counts an answer by its subject, and shows it while it is on its way', async () => {
    let open!: () => void;
    answer = async (what) => {
      await new Promise<void>((resolve) => (open = resolve));
      return what;
    };
    const asked = bus.request(ASK, { what: 'this' });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(await line(/^berth_bus_answers_in_flight\{.*/m)).toMatch(/ 1$/);
    open();
    expect(await asked).toBe('this');
    expect(await line(/^berth_bus_answers_in_flight\{.*/m)).toMatch(/ 0$/);
    const counted = await line(/^berth_bus_answer_duration_seconds_count\{.*/m);
    expect(counted).toContain('subject="test.ask.v1",outcome="ok"');
    expect(counted).toMatch(/ 1$/);
  });

  it.each([
    ['its code', () => Promise.reject(registryError('BLOB_UNKNOWN')), { what: 'this' }, 'BLOB_UNKNOWN'],
    ['UNKNOWN, where nobody foresaw it', () => Promise.reject(new Error('broken')), { what: 'this' }, 'UNKNOWN'],
    ['UNKNOWN, where the question was malformed', async () => 'fine', { what: 5 }, 'UNKNOWN'],
  ])('counts an error by %s', async (_which, how, question, outcome) => {
    answer = how;
    await expect(bus.request(ASK, question as AskV1)).rejects.toMatchObject({ code: outcome });
    expect(await line(/^berth_bus_answers_in_flight\{.*/m)).toMatch(/ 0$/);
    expect(await line(/^berth_bus_answer_duration_seconds_count\{.*/m)).toContain(`outcome="${outcome}"`);
  });
});
