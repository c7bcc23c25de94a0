import { Readable } from 'node:stream';
import { contentRange, type Page } from '@berth/swr';
import type { FastifyReply } from 'fastify';

/** A part of a page, as it comes over the bus. */
export interface Portion<Row> {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more. */
  rows: Row[];
}

/**
 * Answers a page of a list as a JSON array, with Content-Range where the page was named (`rangeOf` it, the number of its rows,
 * and all that match). What does not come at once is asked for
 * while the client reads, so that no page is held in memory, however long its rows are.
 */
export async function sendList<Row>(
  reply: FastifyReply,
  page: Page,
  ask: (part: { offset: number; limit: number }) => Promise<Portion<Row>>,
  shown: (row: Row, total: number) => object,
  rangeOf: (page: Page, count: number, total: number) => string = contentRange,
): Promise<void> {
  const { offset, limit } = page;
  const { total, rows } = await ask({ offset, limit });
  // Of what went between the count and the page there is nothing.
  const count = rows.length === 0 ? 0 : Math.min(limit, Math.max(0, total - offset));
  if (page.isNamed) reply.header('content-range', rangeOf(page, count, total));
  if (rows.length >= count) return void (await reply.send(rows.map((row) => shown(row, total))));
  const text = jsonOf(
    rows,
    count,
    (from) => ask({ offset: offset + from, limit: limit - from }),
    (row) => shown(row, total),
  );
  await reply.header('content-type', 'application/json; charset=utf-8').send(Readable.from(text));
}

async function* jsonOf<Row>(
  first: Row[],
  count: number,
  ask: (from: number) => Promise<Portion<Row>>,
  shown: (row: Row) => object,
): AsyncGenerator<string> {
  let sent = 0;
  yield '[';
  for (let rows = first; rows.length > 0; rows = sent < count ? (await ask(sent)).rows : []) {
    yield rows.map((row, at) => (sent + at === 0 ? '' : ',') + JSON.stringify(shown(row))).join('');
    sent += rows.length;
  }
  yield ']';
}
