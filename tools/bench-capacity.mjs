// `npm run bench:capacity [-- --images 300]`: what a push and a pull cost each process.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/capacity.mjs', ...process.argv.slice(2)]);
