import { COUNTED, type CountedV1, describeBroadcast } from '../testing/broadcast.suite.js';
import { eventually, findProgram, requireOrSkip, startNats, type TestNats } from '../testing/test-kit.js';
import { NatsBroadcast } from './nats-broadcast.js';
import { NatsLink, type NatsSettings } from './nats-connection.js';

jest.setTimeout(30_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('telling over NATS', () => {
  let nats: TestNats;
  let settings: NatsSettings;
  let links: NatsLink[];

  beforeAll(async () => {
    nats = await startNats({ jetstream: false });
    settings = { servers: [nats.url], name: 'test' };
  });
  beforeEach(async () => {
    links = await Promise.all([NatsLink.open(settings), NatsLink.open(settings)]);
  });
  afterEach(async () => {
    for (const link of links) await link.close();
  });
  afterAll(() => nats?.stop());

  describeBroadcast(NatsBroadcast.name, async () => {
    const [one, two] = links.map((link) => new NatsBroadcast(link)) as [NatsBroadcast, NatsBroadcast];
    return { one, two, dispose: async () => undefined };
  });

  it('is heard within its installation alone', async () => {
    const prefixes = ['', 'staging', 'staging', 'staging-2'];
    const own = await Promise.all(prefixes.map((prefix) => NatsLink.open({ ...settings, prefix })));
    links.push(...own);
    const broadcasts = own.map((link) => new NatsBroadcast(link));
    const heard: number[][] = prefixes.map(() => []);
    broadcasts.forEach((broadcast, n) => broadcast.subscribe(COUNTED, (message) => heard[n]!.push(message.n)));
    for (const link of own) await link.connection.flush();
    broadcasts.forEach((broadcast, n) => broadcast.publish(COUNTED, { n }));
    // What each has said has arrived: NATS hands on in order.
    for (const link of [...own, ...own]) await link.connection.flush();
    expect(heard.map((numbers) => numbers.sort())).toEqual([[0], [1, 2], [1, 2], [3]]);
  });

  it('does not mind that its connection is being closed, or is', async () => {
    const one = new NatsBroadcast(links[0]!);
    const draining = links[0]!.connection.drain();
    expect(() => one.publish(COUNTED, { n: 1 })).not.toThrow();
    await draining;
    expect(() => one.publish(COUNTED, { n: 1 })).not.toThrow();
  });

  it('does not mind that NATS is away, keeps nothing for later, and is heard again when it is back', async () => {
    const [one, two] = links.map((link) => new NatsBroadcast(link)) as [NatsBroadcast, NatsBroadcast];
    const heard: CountedV1[] = [];
    two.subscribe(COUNTED, (message) => heard.push(message));
    await nats.kill();
    await eventually(() => links.every((link) => !link.isUp), { what: 'both know that it is away' });
    one.publish(COUNTED, { n: 1 });
    await nats.restart();
    await eventually(
      () => {
        one.publish(COUNTED, { n: 2 });
        return heard.length > 0;
      },
      { what: 'it is heard again' },
    );
    expect(new Set(heard.map(({ n }) => n))).toEqual(new Set([2]));
  });
});
