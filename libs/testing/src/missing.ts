import { recordMissing } from './client-record.js';
import type { Found } from './servers/find-program.js';

type Block = (name: string, body: () => void) => void;
interface JestGlobals {
  describe: Block & { skip: Block };
  it: (name: string, body: () => void) => void;
}

/**
 * Gives the `describe` for tests that need something of this machine. Without a reason it is there, and they run.
 * With one they are skipped, and the run says what is missing and why; in CI, where everything can be installed,
 * that is a failure.
 *
 *     requireOrSkip('skopeo', findSkopeo().reason)('skopeo', () => { it(...) });
 */
export function requireOrSkip(what: string, reason: string | undefined): Block {
  const { describe, it } = globalThis as unknown as JestGlobals;
  if (!reason) return describe;
  sayMissing(what, reason);
  if (!process.env.CI) return describe.skip;
  return (name) =>
    describe(name, () => {
      it(`has ${what} to run with`, () => {
        throw new Error(`${what} is missing, and CI runs everything: ${reason}`);
      });
    });
}

/**
 * As requireOrSkip, for a program that nothing can install and that a machine may be given: where it is missing that is
 * said, and is no failure anywhere.
 */
export function whereProvided(what: string, reason: string | undefined): Block {
  const { describe } = globalThis as unknown as JestGlobals;
  if (!reason) return describe;
  sayMissing(what, reason);
  return describe.skip;
}

function sayMissing(what: string, reason: string): void {
  process.stdout.write(missingLine(what, reason));
  recordMissing(what, reason);
}

/** The line by which tools/test.mjs finds what was missing in the output of a run. */
export function missingLine(what: string, reason: string): string {
  return `MISSING ${what}: ${reason}\n`;
}

/** The first reason among what a test needs, for requireOrSkip. */
export function firstReason(...needs: readonly Found[]): string | undefined {
  return needs.find((need) => need.path === null)?.reason;
}
