import { BytesInFlight } from './bytes-in-flight.js';
import { Metrics } from './metrics.js';

describe(BytesInFlight, () => {
  it('has the size of each transfer until it ends, as it is when Prometheus asks', async () => {
    const metrics = new Metrics('storage');
    const bytes = new BytesInFlight(metrics, 'berth_test_bytes_in_flight', 'A test');
    const shown = async () => {
      const text = await metrics.registry.metrics();
      const of = (direction: string) =>
        Number(new RegExp(`^berth_test_bytes_in_flight\\{direction="${direction}",.*\\} (.*)$`, 'm').exec(text)![1]);
      return { in: of('in'), out: of('out') };
    };
    expect(await shown()).toEqual({ in: 0, out: 0 });
    let received = 10;
    const ends = [bytes.begin('in', () => received), bytes.begin('in', () => 1_000), bytes.begin('out', () => 7)];
    expect(await shown()).toEqual({ in: 1_010, out: 7 });
    received = 20;
    ends[1]!();
    ends[2]!();
    ends[2]!();
    expect(await shown()).toEqual({ in: 20, out: 0 });
  });
});
