// `npm run bench [-- --modes standalone --sizes 1,10 --rounds 3]`: pushes and pulls against peers, printed as ratios.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/main.mjs', ...process.argv.slice(2)]);
