import { eventually } from '@berth/testing';

const RUN = `SELECT extract(epoch FROM started_at)::float8 AS started, extract(epoch FROM finished_at)::float8 AS finished,
  extract(epoch FROM clock_timestamp())::float8 AS now FROM registry.reconciliation WHERE task = 'objects'`;

/** A comparison of all rows and objects begins behind this call, and ends. `rows` asks the database, whose clock counts. */
export async function wholeComparison(rows: (text: string) => Promise<unknown[]>): Promise<void> {
  const run = async () => (await rows(RUN))[0] as Record<'started' | 'finished' | 'now', number>;
  const { now } = await run();
  await eventually(
    async () => {
      const { started, finished } = await run();
      return started > now && finished > started;
    },
    { what: 'a comparison is done', within: 90_000, every: 100 },
  );
}
