import { describeBus } from '../testing/message-bus.suite.js';
import { InProcessBus } from './in-process-bus.js';
import { InProcessServer } from './in-process-server.js';

const DRAIN_MS = 1_000;

describeBus(InProcessBus.name, async () => {
  const bus = new InProcessBus();
  return { bus, transport: () => new InProcessServer(bus, DRAIN_MS), dispose: () => bus.close() };
});

describe(InProcessBus.name, () => {
  it('is ready from the start', async () => {
    await expect(new InProcessBus().ready()).resolves.toBeUndefined();
  });
});
