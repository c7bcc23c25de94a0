import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';

/** What is too much to be true, or to be done without being asked: a store that shows nothing, a database of last week. */
@Injectable()
export class Brake {
  constructor(private readonly settings: Settings) {}

  isTooMuch(count: number, total: number): boolean {
    const { gcBrakeCount, gcBrakePercent } = this.settings;
    return count > gcBrakeCount && count > (total * gcBrakePercent) / 100;
  }

  /** Of what must be there: also where there is nothing at all. */
  isTooMuchMissing(missing: number, total: number): boolean {
    return this.isTooMuch(missing, total) || (missing > 0 && missing >= total);
  }
}
