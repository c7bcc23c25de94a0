// `npm run seed -- --repositories 100000 --tags 100000`: fills the database of BERTH_DATABASE_URL for a measurement.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/seed-main.mjs', ...process.argv.slice(2)]);
