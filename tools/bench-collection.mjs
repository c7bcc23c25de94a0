// `npm run bench:collection`: what pushes and pulls cost while 100,000 blobs are collected, against quiet.
import { prepareAndRun } from './start.mjs';

prepareAndRun(['tools/bench/collection.mjs', ...process.argv.slice(2)]);
