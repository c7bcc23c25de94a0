import { UploadSessionStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';

export interface Claimed {
  id: string;
  claim: string;
}

/** Looks after the claim of a session while work under it goes on. */
@Injectable()
export class ClaimKeeper {
  private readonly idleMs: number;

  constructor(
    private readonly sessions: UploadSessionStore,
    settings: Settings,
  ) {
    this.idleMs = settings.uploadIdleSeconds * 1000;
  }

  /**
   * Runs `work`, and pushes the session's expiry out meanwhile: every `everyMs`, and three times before it would be due.
   * The signal that `work` gets says that it is to end: because `stopped` says so, or somebody else has the claim.
   */
  async during<T>(
    { id, claim }: Claimed,
    stopped: AbortSignal,
    everyMs: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const lost = new AbortController();
    const look = async () => {
      // While the database is away nobody takes a claim.
      const held = await this.sessions.keep(id, claim).catch(() => true);
      if (!held) lost.abort();
    };
    const timer = setInterval(() => void look(), Math.min(everyMs, this.idleMs / 3));
    try {
      return await work(AbortSignal.any([stopped, lost.signal]));
    } finally {
      clearInterval(timer);
    }
  }
}
