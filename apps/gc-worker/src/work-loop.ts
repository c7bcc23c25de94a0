const SHORTEST_SLEEP_MS = 50;

/** Does one round after another, and sleeps in between for as long as the round said, or until it is woken. */
export class WorkLoop {
  private running: Promise<void> = Promise.resolve();
  private isStopped = false;
  /** Ends the sleep; while there is work, the next one. */
  private wakeUp: () => void = () => (this.woken = true);
  private woken = false;

  /** `round` does not fail; it gives the milliseconds until there is something to do again. */
  constructor(private readonly round: (stopped: () => boolean) => Promise<number>) {}

  start(): void {
    this.running = this.run();
  }

  /** There may be something to do now. */
  wake(): void {
    this.wakeUp();
  }

  /** Ends when the round under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const pause = await this.round(() => this.isStopped);
      if (!this.isStopped) await this.sleep(pause);
    }
  }

  private async sleep(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.woken ? Math.min(SHORTEST_SLEEP_MS, milliseconds) : milliseconds);
      this.woken = false;
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = () => (this.woken = true);
  }
}
