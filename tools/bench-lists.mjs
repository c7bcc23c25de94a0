// `npm run bench:lists`: what calls of the management API cost among 100,000 repositories and tags, against 100.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/lists.mjs', ...process.argv.slice(2)]);
