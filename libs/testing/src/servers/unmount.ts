import { existsSync, readFileSync } from 'node:fs';

import { tryCommand } from '../run-command.js';

/** Takes off what container engines left mounted below a folder, deepest first, so that it can be removed. */
export async function unmountBelow(folder: string): Promise<void> {
  if (!existsSync('/proc/mounts')) return;
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) await tryCommand('umount', ['-l', path]);
}
