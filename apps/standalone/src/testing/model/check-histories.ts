import fc from 'fast-check';
import { atOnce, doAtOnce } from './at-once.js';
import { History } from './history.js';
import { type Act, Operation } from './operations.js';
import { histories } from './random-histories.js';
import type { RegistryUnderModel } from './registry-under-model.js';

const MOST_OPERATIONS = 24;
const MOST_BEFORE = 8;

const LONGEST_MINUTES = 3;
/** Of the histories that are wanted, so many are done on however slow a machine: less shows nothing. */
const LEAST_SHARE = 0.2;

/** How many histories, and of which seed: the same seed makes the same ones. */
export interface Plan {
  runs: number;
  seed: number;
  /** How long it may take. A slow machine ends then, with as many as it has done, and says so; but not before `least`. */
  minutes: number;
  least: number;
}

/**
 * BERTH_MODEL_RUNS, however long it takes, or `runs` within three minutes, a fifth of them at least, where that is not set.
 * BERTH_MODEL_SEED, or another seed each time.
 */
export function planOf(runs: number): Plan {
  const { BERTH_MODEL_RUNS: wanted, BERTH_MODEL_SEED: seed } = process.env;
  return {
    runs: Number(wanted ?? runs),
    least: Math.ceil(Number(wanted ?? runs * LEAST_SHARE)),
    seed: Number(seed ?? Math.floor(Math.random() * 2 ** 31)),
    minutes: wanted === undefined ? LONGEST_MINUTES : Number(wanted),
  };
}

/** Throws with the shortest history that it finds in which the registry is not what the model says. */
export const checkHistories = (registry: RegistryUnderModel, what: string, plan: Plan): Promise<void> =>
  check((isOver) => oneAfterAnother(registry, isOver), what, plan, registry);

/** The first history that goes wrong, as it was made; null where none of them does. */
export async function firstFailure(
  registry: RegistryUnderModel,
  { runs, seed }: Plan,
): Promise<{ number: number; message: string } | null> {
  const property = oneAfterAnother(registry, () => false);
  const result = await fc.check(property, { seed, numRuns: runs, endOnFailure: true });
  return result.failed ? { number: result.numRuns, message: messageOf(result.errorInstance) } : null;
}

const oneAfterAnother = (registry: RegistryUnderModel, isOver: () => boolean) =>
  fc.asyncProperty(histories(MOST_OPERATIONS), async (operations) => {
    if (isOver()) return;
    await inHistory(registry, (history) =>
      fc.asyncModelRun(() => ({ model: history.model, real: history }), operations),
    );
  });

/** One history that is known. */
export const checkHistory = (registry: RegistryUnderModel, acts: Act[]): Promise<void> =>
  inHistory(registry, async (history) => {
    for (const act of acts) await new Operation(act).run(history.model, history);
  });

async function inHistory(registry: RegistryUnderModel, work: (history: History) => Promise<void>): Promise<void> {
  const history = new History(registry);
  try {
    await work(history);
    await history.end();
  } catch (error) {
    await registry.clear();
    throw new HistoryFailed(history.operations, error);
  }
}

/**
 * The same of what several do at the same moment, behind a short history after which all leases are over: each time the
 * database lets it happen in another order, so a seed gives the same errands, and not the same outcome.
 */
export function checkAtOnce(registry: RegistryUnderModel, what: string, plan: Plan): Promise<void> {
  const property = (isOver: () => boolean) =>
    fc.asyncProperty(histories(MOST_BEFORE), fc.boolean(), atOnce, async (before, isCollected, errands) => {
      if (isOver()) return;
      await inHistory(registry, async (history) => {
        await fc.asyncModelRun(() => ({ model: history.model, real: history }), before);
        await history.release(isCollected ? 0 : 'keep');
        await doAtOnce(history, errands);
      });
    });
  return check(property, what, plan, registry);
}

/** One operation to a line, in the order in which they were begun. */
export class HistoryFailed extends Error {
  constructor(operations: string[], cause: unknown) {
    const lines = operations.map((words, n) => `${String(n + 1).padStart(3)}. ${words}`);
    super([...lines, messageOf(cause)].join('\n'), { cause });
  }
}

async function check<T>(
  property: (isOver: () => boolean) => fc.IAsyncProperty<T>,
  what: string,
  { runs, seed, minutes, least }: Plan,
  registry: RegistryUnderModel,
): Promise<void> {
  const say = (text: string) => process.stdout.write(`${what}: ${text}\n`);
  say(`${runs} histories of seed ${seed}`);
  const started = Date.now();
  const before = registry.histories;
  const done = () => registry.histories - before;
  const isOver = () => done() >= least && Date.now() - started > minutes * 60_000;
  const { failed, numRuns, numShrinks, errorInstance } = await fc.check(property(isOver), { seed, numRuns: runs });
  say(`${done()} of ${runs} histories in ${Math.round((Date.now() - started) / 1000)} s`);
  if (!failed) return;
  const again = `BERTH_MODEL_SEED=${seed} BERTH_MODEL_RUNS=${numRuns}`;
  const which = `${what}, history ${numRuns} of seed ${seed} (${again}), shrunk ${numShrinks} times`;
  throw new Error(`${which}:\n${messageOf(errorInstance)}`, { cause: errorInstance });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
