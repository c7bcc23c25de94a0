import { readFileSync } from 'node:fs';

/** Resident MiB of a process. */
export const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
