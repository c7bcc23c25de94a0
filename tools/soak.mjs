// `npm run soak -- --minutes 60`: pushes, pulls and deletes while collection runs and everything is killed in turn; the last
// line is the verdict.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/soak/main.mjs', ...process.argv.slice(2)]);
