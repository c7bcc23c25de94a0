import { randomUUID } from 'node:crypto';
import { defineEvent } from '@berth/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { Logger } from '@nestjs/common';
import { IsInt } from 'class-validator';
import { eventually, findProgram, requireOrSkip, startNats, type TestNats } from '../testing/test-kit.js';
import { JetStreamEventStream } from './jetstream-event-stream.js';
import { NatsLink } from './nats-connection.js';

class CountedV1 {
  @IsInt()
  number!: number;
}

const COUNTED = defineEvent('test.counted.v1', CountedV1);
const OTHER = defineEvent('test.other.v1', CountedV1);
const SUBJECTS = [COUNTED.subject, OTHER.subject];

jest.setTimeout(30_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)(JetStreamEventStream.name, () => {
  let nats: TestNats;
  let stream: string;
  const opened: JetStreamEventStream[] = [];

  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats?.stop());

  beforeEach(() => {
    stream = `TEST_${randomUUID()}`;
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    // Streams may not share subjects, so that each test has to take its own along.
    for (const name of [stream, `staging-${stream}`, `staging-2-${stream}`]) {
      await removeStream(name).catch(() => undefined);
    }
  });

  const removeStream = async (name: string) => {
    const link = await NatsLink.open({ servers: [nats.url], name: 'test' });
    try {
      await (await jetstreamManager(link.connection)).streams.delete(name);
    } finally {
      await link.close();
    }
  };

  /** As a process of its own would open it. */
  const open = async () => {
    const link = await NatsLink.open({ servers: [nats.url], name: 'test' });
    const events = new JetStreamEventStream(link, { stream, subjects: SUBJECTS, replicas: 1 });
    opened.push(events);
    return events;
  };
  const close = (events: JetStreamEventStream) => opened.splice(opened.indexOf(events), 1)[0]!.close();
  const publish = (events: JetStreamEventStream, number: number, id: string = randomUUID()) =>
    events.publish(COUNTED.subject, id, { number });
  const publishAll = async (events: JetStreamEventStream, first: number, last: number) => {
    for (let number = first; number <= last; number++) await publish(events, number);
  };
  /** Consumes, and gives the numbers of the events as they come. */
  const consume = async (events: JetStreamEventStream, durable = 'worker', contracts = [COUNTED]) => {
    const numbers: number[] = [];
    await events.consume(durable, contracts, async ({ number }) => void numbers.push(number));
    return numbers;
  };
  const arrived = (numbers: number[], expected: number[], within = 10_000) =>
    eventually(() => expected.every((number) => numbers.includes(number)), { what: 'the events have arrived', within });

  it('delivers what was published, in order, before the consumer was there and after', async () => {
    const events = await open();
    await publishAll(events, 1, 3);
    const numbers = await consume(events);
    await arrived(numbers, [1, 2, 3]);
    await publishAll(events, 4, 5);
    await arrived(numbers, [4, 5]);
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
  });

  it('is of its installation alone, stream, events and consumers', async () => {
    const installations = ['', 'staging', 'staging-2'].map((prefix) => ({ prefix, numbers: [] as number[] }));
    const openOf = async (prefix: string) => {
      const link = await NatsLink.open({ servers: [nats.url], name: 'test', prefix });
      const events = new JetStreamEventStream(link, { stream, subjects: SUBJECTS, replicas: 1 });
      opened.push(events);
      return events;
    };
    for (const it of installations) it.numbers = await consume(await openOf(it.prefix));
    // The same id in each: what is dropped as told before is of one installation too.
    const id = randomUUID();
    for (const [n, { prefix }] of installations.entries()) await publish(await openOf(prefix), n, id);
    for (const [n, { prefix, numbers }] of installations.entries()) {
      await arrived(numbers, [n]);
      await publish(await openOf(prefix), 9);
      await arrived(numbers, [9]);
      expect(numbers).toEqual([n, 9]);
    }
  });

  it('drops a second event with the same id, whoever publishes it', async () => {
    const [events, replica] = [await open(), await open()];
    const numbers = await consume(events);
    const id = randomUUID();
    await publish(events, 1, id);
    await publish(events, 1, id);
    await publish(replica, 1, id);
    await publish(events, 2);
    await arrived(numbers, [2]);
    expect(numbers).toEqual([1, 2]);
  });

  it('delivers to a consumer the events of its contracts only', async () => {
    const events = await open();
    const [counted, both] = [await consume(events, 'counted'), await consume(events, 'both', [COUNTED, OTHER])];
    await events.publish(OTHER.subject, randomUUID(), { number: 100 });
    await publish(events, 1);
    await arrived(counted, [1]);
    await arrived(both, [1, 100]);
    expect(counted).toEqual([1]);
  });

  it('delivers an event again after its handler threw, and goes on with the others meanwhile', async () => {
    const events = await open();
    const numbers: number[] = [];
    await events.consume('worker', [COUNTED], async ({ number }) => {
      numbers.push(number);
      if (number === 1 && numbers.filter((each) => each === 1).length < 3) throw new Error('not now');
    });
    await publishAll(events, 1, 2);
    await eventually(() => numbers.filter((each) => each === 1).length === 3, { what: 'it was tried three times' });
    expect(numbers.filter((each) => each === 2)).toHaveLength(1);
    await publish(events, 3);
    await arrived(numbers, [3]);
    expect(numbers.filter((each) => each === 1)).toHaveLength(3);
  });

  it('shares the events between two processes under one durable, each event to one of them', async () => {
    const [a, b] = [await open(), await open()];
    const [first, second] = [await consume(a), await consume(b)];
    // Until both have joined, one of them gets everything.
    for (let warmUp = -1; first.length === 0 || second.length === 0; warmUp--) {
      await publish(a, warmUp);
      await eventually(() => first.includes(warmUp) || second.includes(warmUp), { what: 'the event has arrived' });
      if (warmUp < -500) throw new Error('one process gets everything');
    }
    const expected = Array.from({ length: 100 }, (_, n) => n + 1);
    await publishAll(a, 1, 100);
    await eventually(() => expected.every((n) => first.includes(n) || second.includes(n)), {
      what: 'all have arrived',
    });
    expect([...first, ...second].filter((n) => n > 0).sort((x, y) => x - y)).toEqual(expected);
    expect(first.filter((n) => n > 0)).not.toHaveLength(0);
    expect(second.filter((n) => n > 0)).not.toHaveLength(0);
  });

  it('gives each event to every durable', async () => {
    const events = await open();
    const [one, two] = [await consume(events, 'one'), await consume(events, 'two')];
    await publishAll(events, 1, 3);
    await arrived(one, [1, 2, 3]);
    await arrived(two, [1, 2, 3]);
  });

  it('goes on where the process before it stopped', async () => {
    const before = await open();
    const seen = await consume(before);
    await publishAll(before, 1, 2);
    await arrived(seen, [1, 2]);
    await close(before);
    const after = await open();
    await publishAll(after, 3, 4);
    const numbers = await consume(after);
    await arrived(numbers, [3, 4]);
    expect(numbers).toEqual([3, 4]);
  });

  it.each([
    ['stops in order', 'pause'],
    ['is killed', 'kill'],
  ] as const)(
    'goes on by itself, without a lost event, when NATS %s and comes back',
    async (_how, end) => {
      const events = await open();
      const numbers = await consume(events);
      await publishAll(events, 1, 3);
      await arrived(numbers, [1, 2, 3]);
      await nats[end]();
      await eventually(
        () =>
          events.ready().then(
            () => false,
            () => true,
          ),
        { what: 'it knows that NATS is away' },
      );
      await expect(events.ready()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await nats.restart();
      await eventually(() => events.ready().then(() => true), { what: 'it knows that NATS is back' });
      await eventually(() => publish(events, 4).then(() => true), { what: 'events can be published again' });
      await arrived(numbers, [4], 20_000);
    },
    40_000,
  );

  it('takes up another list of subjects where the stream exists already', async () => {
    const link = await NatsLink.open({ servers: [nats.url], name: 'test' });
    const old = new JetStreamEventStream(link, { stream, subjects: [COUNTED.subject], replicas: 1 });
    opened.push(old);
    await publish(old, 1);
    const events = await open();
    await events.publish(OTHER.subject, randomUUID(), { number: 2 });
    const numbers = await consume(events, 'worker', [COUNTED, OTHER]);
    await arrived(numbers, [1, 2]);
  });

  it('makes a stream again that was lost, as with a server without its disk, and consumes from it', async () => {
    const [events, publisher] = [await open(), await open()];
    const numbers = await consume(events);
    await publish(publisher, 1);
    await arrived(numbers, [1]);
    await removeStream(stream);
    await eventually(() => publish(publisher, 2).then(() => true), { what: 'events can be published again' });
    await arrived(numbers, [2], 20_000);
  });

  it('says in the log once, not every second, that it cannot consume', async () => {
    const warnings: unknown[] = [];
    Logger.overrideLogger({ log: () => {}, error: () => {}, warn: (message: unknown) => warnings.push(message) });
    try {
      const link = await NatsLink.open({ servers: [nats.url], name: 'test' });
      const tooMany = new JetStreamEventStream(link, { stream, subjects: SUBJECTS, replicas: 3 });
      opened.push(tooMany);
      await consume(tooMany);
      await eventually(() => warnings.length > 0, { what: 'it has said so' });
      expect(warnings).toEqual([
        expect.objectContaining({ msg: 'events cannot be consumed, trying again', err: expect.anything() as unknown }),
      ]);
    } finally {
      Logger.overrideLogger(false);
    }
  });

  it('hands out nothing after it was closed', async () => {
    const [events, publisher] = [await open(), await open()];
    const numbers = await consume(events);
    await publish(publisher, 1);
    await arrived(numbers, [1]);
    await close(events);
    await publish(publisher, 2);
    const next = await consume(publisher);
    await arrived(next, [2]);
    expect(numbers).toEqual([1]);
  });
});
