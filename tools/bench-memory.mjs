// `npm run bench:memory [-- --gb 5 --modes standalone]`: how far memory grows while one large layer passes.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/memory.mjs', ...process.argv.slice(2)]);
