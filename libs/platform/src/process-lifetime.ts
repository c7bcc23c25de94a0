import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SettingsError } from './settings/load-settings.js';

export interface Running {
  logger: Logger;
  /** Says that it stops, and goes on as before. */
  drain?(): void;
  /** For so long, until everybody has heard of it. */
  drainSeconds?: number;
  /** Finishes what has begun, then lets go of everything. */
  stop(): Promise<void>;
  /** What has not finished after so long is cut off. */
  shutdownSeconds: number;
  /** Ends what is under way so that nothing is lost that can be kept. */
  cutOff?(): void;
}

/** What is cut off has so long to keep what it has. */
const CUT_OFF_SECONDS = 5;

/** A Ctrl-C arrives from the terminal and again from every launcher in between: within this time it is one request. */
const SAME_REQUEST_MS = 1_000;

/**
 * Starts, and stops at SIGTERM or SIGINT; a second signal ends the process at once. A start that fails says why in one
 * sentence and exits 1; so does one that is under way `startSeconds` after the signal (by default it is waited for).
 * Resolves when everything is stopped.
 */
export async function runUntilStopped(
  name: string,
  start: () => Promise<Running>,
  startSeconds?: number,
): Promise<void> {
  const stopped = stopSignal();
  let running: Running;
  try {
    running = await Promise.race([start(), ...(startSeconds === undefined ? [] : [tooLate(stopped, startSeconds)])]);
  } catch (error) {
    process.stderr.write(`${name} did not start: ${inOneSentence(error)}\n`);
    process.exit(1);
  }
  const signal = await stopped;
  running.logger.info({ signal }, 'stopping');
  running.drain?.();
  await delay((running.drainSeconds ?? 0) * 1000);
  const inTime = await finishWithin(running.shutdownSeconds, running.stop(), running.cutOff?.bind(running));
  if (inTime) running.logger.info('stopped');
  else running.logger.warn('stopped before everything had finished');
  await new Promise<void>((resolve) => running.logger.flush(() => resolve()));
  // 0, unless the trouble that made it stop has set another one.
  process.exit();
}

/** Fails so many seconds after the signal. */
async function tooLate(stopped: Promise<string>, seconds: number): Promise<never> {
  const signal = await stopped;
  await delay(seconds * 1000);
  throw new Error(`${signal} came, and ${seconds} s later it was still starting`);
}

/** Whether `finishing` is done in so many seconds; where it is not, and can be cut off, it has a few more. */
export async function finishWithin(seconds: number, finishing: Promise<void>, cutOff?: () => void): Promise<boolean> {
  const inTime = await isDoneWithin(seconds, finishing);
  if (inTime || !cutOff) return inTime;
  cutOff();
  await isDoneWithin(CUT_OFF_SECONDS, finishing);
  return false;
}

async function isDoneWithin(seconds: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, seconds * 1000, false)));
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let askedAt: number | null = null;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (askedAt !== null && Date.now() - askedAt > SAME_REQUEST_MS) process.exit(130);
        askedAt ??= Date.now();
        resolve(signal);
      });
    }
  });
}

/** What an error says, for people: of several lines one, and of settings a line for each trouble. */
export function inOneSentence(error: unknown): string {
  if (error instanceof SettingsError) return error.message;
  const { code, port, address, message } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') return `port ${port} of ${address} is taken by another program`;
  return message.trim().replace(/\s*\n\s*/g, ' ');
}
