import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SettingsError } from './settings/load-settings.js';

export interface Running {
  logger: Logger;
  /** Finishes what has begun, then lets go of everything. */
  stop(): Promise<void>;
  /** What has not finished after so long is cut off. */
  shutdownSeconds: number;
}

/** A Ctrl-C arrives from the terminal and again from every launcher in between: within this time it is one request. */
const SAME_REQUEST_MS = 1_000;

/**
 * Starts, and stops at SIGTERM or SIGINT; a second signal ends the process at once. A start that fails says why in one
 * sentence and exits 1. Resolves when everything is stopped.
 */
export async function runUntilStopped(name: string, start: () => Promise<Running>): Promise<void> {
  const stopped = stopSignal();
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    process.stderr.write(`${name} did not start: ${inOneSentence(error)}\n`);
    process.exit(1);
  }
  const signal = await stopped;
  running.logger.info({ signal }, 'stopping');
  const inTime = await Promise.race([running.stop().then(() => true), delay(running.shutdownSeconds * 1000, false)]);
  if (inTime) running.logger.info('stopped');
  else running.logger.warn('stopped before everything had finished');
  await new Promise<void>((resolve) => running.logger.flush(() => resolve()));
  // 0, unless the trouble that made it stop has set another one.
  process.exit();
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
