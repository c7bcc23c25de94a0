import { defineBroadcast } from '@berth/contracts';
import { IsInt } from 'class-validator';
import type { Broadcast } from '../broadcast.js';
import { eventually } from './test-kit.js';

export class CountedV1 {
  @IsInt()
  n!: number;
}

export const COUNTED = defineBroadcast('test.counted.v1', CountedV1);
const OTHER = defineBroadcast('test.other.v1', CountedV1);

/** Two who tell each other. In one process they may be the same. */
export interface BroadcastUnderTest {
  one: Broadcast;
  two: Broadcast;
  dispose(): Promise<void>;
}

/** What every implementation of Broadcast promises. */
export function describeBroadcast(name: string, start: () => Promise<BroadcastUnderTest>): void {
  describe(`${name} as a Broadcast`, () => {
    let under: BroadcastUnderTest;
    const heard = { one: [] as CountedV1[], two: [] as CountedV1[] };
    let ends: (() => void)[];

    beforeEach(async () => {
      under = await start();
      heard.one.length = heard.two.length = 0;
      ends = [
        under.one.subscribe(COUNTED, (message) => heard.one.push(message)),
        under.two.subscribe(COUNTED, (message) => heard.two.push(message)),
      ];
      await eventually(
        () => {
          under.one.publish(COUNTED, { n: 0 });
          under.two.publish(COUNTED, { n: 0 });
          return heard.one.length > 1 && heard.two.length > 1;
        },
        { what: 'both hear both' },
      );
      // What is said behind all that is heard behind it.
      under.one.publish(COUNTED, { n: -1 });
      under.two.publish(COUNTED, { n: -1 });
      const settled = (list: CountedV1[]) => list.filter(({ n }) => n === -1).length === 2;
      await eventually(() => settled(heard.one) && settled(heard.two), { what: 'nothing is on its way' });
      heard.one.length = heard.two.length = 0;
    });
    afterEach(async () => {
      for (const end of ends) end();
      await under.dispose();
    });

    const both = () => eventually(() => heard.one.length > 0 && heard.two.length > 0, { what: 'both have heard' });

    it('is heard by everybody, the speaker too, once and in order', async () => {
      for (const n of [1, 2, 3]) under.one.publish(COUNTED, { n });
      await eventually(() => heard.one.length >= 3 && heard.two.length >= 3, { what: 'three are heard' });
      for (const list of [heard.one, heard.two]) expect(list.map(({ n }) => n)).toEqual([1, 2, 3]);
    });

    it('is heard as a copy of its own, an instance of its class', async () => {
      const message = { n: 1 };
      under.one.publish(COUNTED, message);
      message.n = 2;
      await both();
      expect(heard.two).toEqual([{ n: 1 }]);
      expect(heard.two[0]).toBeInstanceOf(CountedV1);
      heard.one[0]!.n = 7;
      expect(heard.two[0]!.n).toBe(1);
    });

    it('is of one subject', async () => {
      under.one.publish(OTHER, { n: 1 });
      under.one.publish(COUNTED, { n: 2 });
      await both();
      expect(heard.two).toEqual([{ n: 2 }]);
    });

    it.each([
      ['a field of another type', { n: 'x' }],
      ['a field too many', { n: 1, surprise: true }],
      ['no object', null],
    ])('with %s is not heard', async (_what, malformed) => {
      under.one.publish(COUNTED, malformed as unknown as CountedV1);
      under.one.publish(COUNTED, { n: 2 });
      await both();
      expect(heard.two).toEqual([{ n: 2 }]);
    });

    it('is not heard any more by who has ended it', async () => {
      ends[1]!();
      under.two.publish(COUNTED, { n: 1 });
      await eventually(() => heard.one.length > 0, { what: 'the other one hears' });
      expect(heard.two).toEqual([]);
    });
  });
}
