import { describeBroadcast } from '../testing/broadcast.suite.js';
import { InProcessBroadcast } from './in-process-broadcast.js';

describeBroadcast(InProcessBroadcast.name, async () => {
  const broadcast = new InProcessBroadcast();
  return { one: broadcast, two: broadcast, dispose: async () => undefined };
});
