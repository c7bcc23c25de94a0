export interface CheckResult {
  status: 'up' | 'down';
  /** Of the failure; never with a secret in it. */
  reason?: string;
}

export interface Readiness {
  status: 'ready' | 'not ready' | 'stopping';
  checks: Record<string, CheckResult>;
}

const TIMEOUT_MS = 2_000;
const REMEMBER_MS = 1_000;

/** What a process needs to serve, each by name. Asked by the readiness endpoint, at most once a second. */
export class HealthChecks {
  private readonly checks = new Map<string, () => Promise<void>>();
  private remembered: { until: number; readiness: Promise<Readiness> } | null = null;
  private stopping = false;
  private readonly onStopping: (() => void)[] = [];

  add(name: string, check: () => Promise<void>): void {
    this.checks.set(name, check);
  }

  /** From now on the process can serve without it. */
  remove(name: string): void {
    this.checks.delete(name);
  }

  /** From now on the process is not ready: it finishes what it has, and takes nothing new. */
  stop(): void {
    this.stopping = true;
    for (const callback of this.onStopping.splice(0)) callback();
  }

  /** Called once, when the process begins to stop. */
  onStop(callback: () => void): void {
    this.onStopping.push(callback);
  }

  get isStopping(): boolean {
    return this.stopping;
  }

  async readiness(): Promise<Readiness> {
    if (this.stopping) return { status: 'stopping', checks: {} };
    if (!this.remembered || this.remembered.until < Date.now()) {
      this.remembered = { until: Date.now() + REMEMBER_MS, readiness: this.run() };
    }
    return this.remembered.readiness;
  }

  private async run(): Promise<Readiness> {
    const entries = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await result(check)] as const),
    );
    const ready = entries.every(([, { status }]) => status === 'up');
    return { status: ready ? 'ready' : 'not ready', checks: Object.fromEntries(entries) };
  }
}

async function result(check: () => Promise<void>): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), late]);
    return { status: 'up' };
  } catch (error) {
    return { status: 'down', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
