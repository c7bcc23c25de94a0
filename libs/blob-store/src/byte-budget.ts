/**
 * Bounds the bytes held at one time, first come first served. A demand beyond the whole limit is granted as soon as
 * nothing else is held, so that it waits but never forever.
 */
export class ByteBudget {
  private held = 0;
  private readonly waiting: { bytes: number; grant: () => void }[] = [];

  constructor(private readonly limit: number) {}

  /** Somebody waits: who can do with less should give back. */
  get contended(): boolean {
    return this.waiting.length > 0;
  }

  /** False, and nothing taken, where `bytes` do not fit now or somebody came first. */
  tryTake(bytes: number): boolean {
    if (this.contended || !this.fits(bytes)) return false;
    this.held += bytes;
    return true;
  }

  /** Resolves when `bytes` are held; give them back with `release`. */
  async take(bytes: number): Promise<void> {
    if (this.tryTake(bytes)) return;
    await new Promise<void>((grant) => this.waiting.push({ bytes, grant }));
  }

  release(bytes: number): void {
    this.held -= bytes;
    for (let next = this.waiting[0]; next && this.fits(next.bytes); next = this.waiting[0]) {
      this.waiting.shift();
      this.held += next.bytes;
      next.grant();
    }
  }

  private fits(bytes: number): boolean {
    return this.held === 0 || this.held + bytes <= this.limit;
  }
}
