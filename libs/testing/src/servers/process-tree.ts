import { tryCommand } from '../run-command.js';

/** A process as it can be recognised later: its id alone may be another process's by then. */
export interface ProcessIdentity {
  pid: number;
  /** The time of its start, as `ps` prints it. */
  started: string;
}

interface ProcessRow extends ProcessIdentity {
  parent: number;
}

/** The ids of the processes that this one started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  return (await allProcesses()).filter(({ parent }) => parent === pid).map((child) => child.pid);
}

/** Every process below this one, itself not among them. */
export async function descendantsOf(pid: number): Promise<ProcessIdentity[]> {
  const all = await allProcesses();
  const found: ProcessRow[] = [];
  for (let parents = [pid]; parents.length > 0;) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

/** Those of them that still run; a new process that took over an id is none of them. */
export async function stillRunning(processes: readonly ProcessIdentity[]): Promise<ProcessIdentity[]> {
  const all = await allProcesses();
  return processes.filter((known) => all.some(({ pid, started }) => pid === known.pid && started === known.started));
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function allProcesses(): Promise<ProcessRow[]> {
  const { stdout } = await tryCommand('ps', ['-A', '-o', 'pid=,ppid=,lstart='], {
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.+?)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, parent, started]) => ({ pid: Number(pid), parent: Number(parent), started: started! }));
}
