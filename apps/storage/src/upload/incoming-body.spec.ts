import { createHash } from 'node:crypto';
import { brokenOff, chunksOf, HandFedBody } from '../testing/bodies.js';
import { IncomingBody } from './incoming-body.js';

const signal = () => new AbortController().signal;

async function read(body: IncomingBody): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe(IncomingBody, () => {
  it('passes the bytes on, counts and hashes them', async () => {
    const hash = createHash('sha256');
    const body = new IncomingBody(chunksOf('ab', '', 'cde'), hash, signal());
    expect(await read(body)).toBe('abcde');
    expect(body.received).toBe(5);
    expect(body.interruption).toBeNull();
    expect(hash.digest('hex')).toBe(createHash('sha256').update('abcde').digest('hex'));
  });

  it('does without a hash', async () => {
    const body = new IncomingBody(chunksOf('ab'), null, signal());
    expect(await read(body)).toBe('ab');
    expect(body.received).toBe(2);
  });

  it('ends where the sender goes away: what has arrived stays', async () => {
    const hash = createHash('sha256');
    const body = new IncomingBody(brokenOff('ab', 'c'), hash, signal());
    expect(await read(body)).toBe('abc');
    expect(body.received).toBe(3);
    expect(body.interruption).toEqual(new Error('aborted'));
    expect(hash.digest('hex')).toBe(createHash('sha256').update('abc').digest('hex'));
  });

  it('throws where the blob comes to be larger than it may be, and passes nothing beyond on', async () => {
    const body = new IncomingBody(chunksOf('ab', 'cd', 'e'), null, signal(), 6, 10);
    const passed: string[] = [];
    const reading = (async () => {
      for await (const chunk of body) passed.push(Buffer.from(chunk).toString());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'SIZE_INVALID', status: 413, detail: { limit: 10 } });
    expect(passed).toEqual(['ab', 'cd']);
    expect(await read(new IncomingBody(chunksOf('ab', 'cd'), null, signal(), 6, 10))).toBe('abcd');
  });

  it.each([
    ['more', ['ab', 'cd', 'e'], ['ab', 'cd'], 5],
    ['less', ['ab', 'c'], ['ab', 'c'], 3],
  ])('throws where %s arrives than was declared', async (_what, sent, expected, received) => {
    const passed: string[] = [];
    const reading = (async () => {
      for await (const chunk of new IncomingBody(chunksOf(...sent), null, signal(), 6, Infinity, 4)) {
        passed.push(Buffer.from(chunk).toString());
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'SIZE_INVALID',
      status: 400,
      detail: { declared: 4, received },
    });
    expect(passed).toEqual(expected);
  });

  it('keeps what a sender who goes away has sent of what was declared', async () => {
    const body = new IncomingBody(brokenOff('ab', 'c'), null, signal(), 6, Infinity, 4);
    expect(await read(body)).toBe('abc');
    expect(body.interruption).toEqual(new Error('aborted'));
    expect(await read(new IncomingBody(chunksOf('ab', 'cd'), null, signal(), 6, Infinity, 4))).toBe('abcd');
  });

  it('takes no byte after it was stopped', async () => {
    const controller = new AbortController();
    const sender = new HandFedBody().send('ab').send('cd');
    const body = new IncomingBody(sender, null, controller.signal);
    const chunks = body[Symbol.asyncIterator]();
    await chunks.next();
    controller.abort();
    expect(await chunks.next()).toMatchObject({ done: true });
    expect(body.received).toBe(2);
    expect(body.interruption).not.toBeNull();
    expect(sender.letGo).toBe(true);
  });

  it('ends at once when it is stopped while the sender is silent', async () => {
    const controller = new AbortController();
    const body = new IncomingBody(new HandFedBody().send('ab'), null, controller.signal);
    const reading = read(body);
    await new Promise(setImmediate);
    controller.abort();
    expect(await reading).toBe('ab');
    expect(body.interruption).not.toBeNull();
  });

  it('ends at once when it is stopped although the source does not let go of the silent sender', async () => {
    const sender = new HandFedBody().send('ab');
    const counted = (async function* () {
      yield* sender;
    })();
    const controller = new AbortController();
    const reading = read(new IncomingBody(counted, null, controller.signal));
    await new Promise(setImmediate);
    controller.abort();
    expect(await reading).toBe('ab');
  });

  it('lets go of the sender when its reader stops early', async () => {
    const sender = new HandFedBody().send('ab').send('cd');
    for await (const chunk of new IncomingBody(sender, null, signal())) {
      expect(chunk).toHaveLength(2);
      break;
    }
    expect(sender.letGo).toBe(true);
  });
});
