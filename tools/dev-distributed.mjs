// `npm run dev:distributed [-- --replicas registry-v2=3]`: the six services as processes, on this machine.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/distributed/main.mjs', ...process.argv.slice(2)]);
