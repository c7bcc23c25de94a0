import { parseArgs } from 'node:util';
import { seed } from './seed.mjs';

const { values } = parseArgs({
  options: {
    repositories: { type: 'string', default: '100000' },
    tags: { type: 'string', default: '100000' },
    organisations: { type: 'string', default: '10' },
  },
});
const counts = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
if (!Object.values(counts).every((count) => Number.isSafeInteger(count) && count > 0)) {
  console.error('usage: BERTH_DATABASE_URL=... npm run seed -- [--repositories N] [--tags N] [--organisations N]');
  process.exit(1);
}
if (!process.env.BERTH_DATABASE_URL) {
  console.error('BERTH_DATABASE_URL is not set: it names the database of a Berth that has been started once');
  process.exit(1);
}
await seed(process.env.BERTH_DATABASE_URL, counts);
console.log(
  `${counts.repositories} repositories in organisations seed1 to seed${counts.organisations} of the first account,`,
);
console.log(
  `${counts.tags} tags in seed1/repository-1, all of one manifest whose blobs are not there: no image to pull`,
);
