#!/usr/bin/env node
// `npx berth`: builds what has changed and runs the command on the Node of the dependencies. Node 20 builtins only.
import { join } from 'node:path';
import { ensureBuilt } from '../../../tools/build.mjs';
import { ROOT } from '../../../tools/install.mjs';
import { runInForeground } from '../../../tools/start.mjs';

try {
  // What the command prints is for programs: nothing else goes there.
  ensureBuilt({ quiet: true });
  const main = join(ROOT, 'apps/cli/dist/main.js');
  // Where `npm start` keeps it, whatever the current folder.
  const env = { BERTH_DATA_DIR: process.env.BERTH_DATA_DIR || join(ROOT, 'data') };
  runInForeground([main, ...process.argv.slice(2)], { cwd: process.cwd(), env });
} catch (error) {
  console.error(`berth: ${error.message}`);
  process.exit(1);
}
