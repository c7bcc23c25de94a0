import type { Page } from '@berth/swr';
import type { FastifyReply } from 'fastify';
import { type Portion, sendList } from './list-answer.js';

const page = (offset: number, limit: number): Page => ({ offset, limit, isNamed: true });

/** What a client gets, of whatever is sent. */
async function answered(rows: (offset: number) => number[], total: number, at: Page) {
  const headers: Record<string, string> = {};
  let text = '';
  const reply = {
    header: (name: string, value: string) => ((headers[name] = value), reply),
    send: async (body: object | AsyncIterable<string>) => {
      if (Array.isArray(body)) text = JSON.stringify(body);
      else for await (const part of body as AsyncIterable<string>) text += part;
    },
  };
  const ask = async ({ offset, limit }: { offset: number; limit: number }): Promise<Portion<number>> => ({
    total,
    rows: rows(offset).slice(0, limit),
  });
  await sendList(reply as unknown as FastifyReply, at, ask, (row) => ({ row }));
  return { rows: (JSON.parse(text) as { row: number }[]).map(({ row }) => row), range: headers['content-range'] };
}

const upTo = (end: number) => (from: number) => Array.from({ length: Math.max(0, end - from) }, (_, n) => from + n);

describe(sendList, () => {
  it('answers a page that comes at once', async () => {
    expect(await answered(upTo(9), 9, page(2, 3))).toEqual({ rows: [2, 3, 4], range: '2-3/9' });
    expect(await answered(upTo(9), 9, page(7, 3))).toEqual({ rows: [7, 8], range: '7-2/9' });
  });

  it('answers a page that comes in portions', async () => {
    const inTwos = (from: number) => upTo(9)(from).slice(0, 2);
    expect(await answered(inTwos, 9, page(1, 7))).toEqual({ rows: [1, 2, 3, 4, 5, 6, 7], range: '1-7/9' });
  });

  it('answers nothing where there is nothing', async () => {
    expect(await answered(upTo(0), 0, page(0, 3))).toEqual({ rows: [], range: '0-0/0' });
    expect(await answered(upTo(9), 9, page(20, 3))).toEqual({ rows: [], range: '20-0/9' });
  });

  it('answers an empty list where the rows went between the count and the page', async () => {
    expect(await answered(() => [], 5, page(0, 3))).toEqual({ rows: [], range: '0-0/5' });
  });

  it('ends a page early where rows go while it is read', async () => {
    const fewer = (from: number) => (from === 0 ? [0, 1] : []);
    expect((await answered(fewer, 5, page(0, 5))).rows).toEqual([0, 1]);
  });
});
