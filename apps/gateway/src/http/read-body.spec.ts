import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { registryError } from '@berth/oci';
import { readBody } from './read-body.js';

const LIMIT = 1_000;

function request(chunks: Iterable<Buffer>, headers: Record<string, string> = {}) {
  return Object.assign(Readable.from(chunks, { objectMode: false }), { headers }) as unknown as IncomingMessage;
}

describe(readBody, () => {
  it('gives the bytes as they came', async () => {
    const body = await readBody(request([Buffer.from('ab'), Buffer.from('c')]), LIMIT);
    expect(body.toString()).toBe('abc');
    expect(await readBody(request([]), LIMIT)).toHaveLength(0);
  });

  it('takes exactly as many as the limit allows', async () => {
    const bytes = Buffer.alloc(LIMIT, 1);
    expect(await readBody(request([bytes], { 'content-length': String(LIMIT) }), LIMIT)).toEqual(bytes);
    expect(await readBody(request([bytes]), LIMIT)).toEqual(bytes);
  });

  it('refuses a longer one by its Content-Length, before a byte is read', async () => {
    const message = request([Buffer.alloc(LIMIT + 1)], { 'content-length': String(LIMIT + 1) });
    await expect(readBody(message, LIMIT)).rejects.toMatchObject({ code: 'MANIFEST_INVALID', status: 413 });
    expect(message.readableDidRead).toBe(false);
  });

  it('refuses one of unknown length as soon as it has passed the limit', async () => {
    let sent = 0;
    const endless = (function* () {
      for (;;) {
        sent += 100;
        yield Buffer.alloc(100);
      }
    })();
    const message = Object.assign(Readable.from(endless, { objectMode: true, highWaterMark: 1 }), { headers: {} });
    await expect(readBody(message as unknown as IncomingMessage, LIMIT)).rejects.toMatchObject({ status: 413 });
    expect(sent).toBeLessThan(3 * LIMIT);
  });

  it('says what is too large in the words of the caller', async () => {
    const tooLarge = (limit: number) => registryError('UNSUPPORTED', { limit }, { status: 413 });
    const long = request([Buffer.alloc(LIMIT + 1)]);
    await expect(readBody(long, LIMIT, tooLarge)).rejects.toMatchObject({ code: 'UNSUPPORTED', status: 413 });
  });

  it('says that it ended early where the sender goes away', async () => {
    const failing = (function* () {
      yield Buffer.alloc(10);
      throw new Error('aborted');
    })();
    await expect(readBody(request(failing), LIMIT)).rejects.toMatchObject({ code: 'SIZE_INVALID', status: 400 });
  });
});
