import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineEvent } from '@berth/contracts';
import { InProcessEventStream } from './in-process-event-stream.js';

class HappenedV1 {
  list!: number[];
}

const HAPPENED = defineEvent('test.happened.v1', HappenedV1);
const OTHER = defineEvent('test.other.v1', HappenedV1);

describe(InProcessEventStream.name, () => {
  const publish = (stream: InProcessEventStream, subject: string, ...list: number[]) =>
    stream.publish(subject, 'id', { list });

  it('gives each consumer the events of its contracts', async () => {
    const stream = new InProcessEventStream();
    const [one, two]: HappenedV1[][] = [[], []];
    await stream.consume('one', [HAPPENED], async (event) => void one!.push(event));
    await stream.consume('two', [HAPPENED, OTHER], async (event) => void two!.push(event));
    await publish(stream, HAPPENED.subject, 1);
    await publish(stream, OTHER.subject, 2);
    expect(one).toEqual([{ list: [1] }]);
    expect(two).toEqual([{ list: [1] }, { list: [2] }]);
  });

  it('takes an event that nobody consumes', async () => {
    await expect(publish(new InProcessEventStream(), HAPPENED.subject)).resolves.toBeUndefined();
  });

  it('gives every consumer a copy of its own', async () => {
    const stream = new InProcessEventStream();
    const payload = { list: [1] };
    const seen: number[][] = [];
    for (const durable of ['one', 'two']) {
      await stream.consume(durable, [HAPPENED], async (event) => {
        event.list.push(2);
        seen.push(event.list);
      });
    }
    await stream.publish(HAPPENED.subject, 'id', payload);
    expect(seen).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(payload).toEqual({ list: [1] });
  });

  it('does not make the publisher wait for a consumer, nor fail with it', async () => {
    const stream = new InProcessEventStream();
    const seen: number[] = [];
    await stream.consume('slow', [HAPPENED], () => new Promise(() => undefined));
    await stream.consume('broken', [HAPPENED], () => Promise.reject(new Error('no')));
    await stream.consume('good', [HAPPENED], async ({ list }) => void seen.push(...list));
    await publish(stream, HAPPENED.subject, 1);
    await publish(stream, HAPPENED.subject, 2);
    expect(seen).toEqual([1, 2]);
  });

  it('waits at close for handlers that run, and hands out nothing more', async () => {
    const stream = new InProcessEventStream();
    let finish = () => {};
    let calls = 0;
    await stream.consume('slow', [HAPPENED], () => {
      calls++;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await publish(stream, HAPPENED.subject, 1);
    let closed = false;
    const closing = stream.close().then(() => (closed = true));
    await publish(stream, HAPPENED.subject, 2);
    await nextTurn();
    expect(closed).toBe(false);
    finish();
    await closing;
    expect(calls).toBe(1);
  });
});
