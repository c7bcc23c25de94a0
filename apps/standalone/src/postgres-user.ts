import { spawnSync } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** PostgreSQL refuses to run as root; root runs it as this user and group. */
const NOBODY = 65_534;
/** Lets nobody pass through folders that are root's alone, on the way to a data folder that is nobody's own. */
const CAPABILITIES = '+dac_override,+dac_read_search';

/** How a program is started as the user that PostgreSQL runs as. */
export interface PostgresUser {
  /** Words before the program: a launcher and its arguments, or none. */
  launcher: string[];
  options: { uid?: number; gid?: number };
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** Whether the user nobody can enter `folder`, and with it everything above. */
export const isReachableByNobody = (folder: string): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { uid: NOBODY, gid: NOBODY, stdio: 'ignore' }).status === 0;

/**
 * Ourselves, unless we are root: then nobody, who gets `folder` as its own, and the right to reach it where it lacks that.
 * Throws, and changes nothing, where root is given the folder of another user, whose registry would not start again.
 */
export function postgresUser(folder: string): PostgresUser {
  if (!isRoot()) return { launcher: [], options: {} };
  const { uid } = statSync(folder);
  if (uid !== 0 && uid !== NOBODY) {
    throw new Error(`${folder} belongs to the user with the id ${uid}: run Berth as that user, not as root`);
  }
  chownSync(folder, NOBODY, NOBODY);
  if (isReachableByNobody(dirname(folder))) return { launcher: [], options: { uid: NOBODY, gid: NOBODY } };
  const ids = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  const launcher = ['setpriv', ...ids, '--inh-caps', CAPABILITIES, '--ambient-caps', CAPABILITIES, '--'];
  if (spawnSync(launcher[0]!, [...launcher.slice(1), 'true'], { stdio: 'ignore' }).status === 0)
    return { launcher, options: {} };
  throw new Error(
    `as root, PostgreSQL runs as the user nobody, who cannot pass through the folders above ${folder}: ` +
      'start Berth as an ordinary user, or set BERTH_DATA_DIR to a folder that everybody may reach',
  );
}
