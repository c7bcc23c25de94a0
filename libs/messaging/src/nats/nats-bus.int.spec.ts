import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describeBus } from '../testing/message-bus.suite.js';
import {
  eventually,
  findProgram,
  requireOrSkip,
  startNats,
  startTcpGate,
  type TcpGate,
  type TestNats,
} from '../testing/test-kit.js';
import { ECHO, NOBODY, SILENT, TestService, WAIT } from '../testing/test-service.js';
import { DrainingNatsServer } from './draining-nats-server.js';
import { NatsBus } from './nats-bus.js';
import { NatsLink, type NatsSettings } from './nats-connection.js';

const DRAIN_MS = 1_000;
const UNAVAILABLE = { code: 'UNAVAILABLE', status: 503 };

jest.setTimeout(30_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('over NATS', () => {
  let nats: TestNats;
  let settings: NatsSettings;

  beforeAll(async () => {
    nats = await startNats({ jetstream: false });
    settings = { servers: [nats.url], name: 'test' };
  });
  afterAll(() => nats?.stop());

  describeBus(NatsBus.name, async () => {
    const bus = new NatsBus(await NatsLink.open(settings));
    return { bus, transport: () => new DrainingNatsServer(settings, 'test', DRAIN_MS), dispose: () => bus.close() };
  });

  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  it('asks and answers within its installation alone', async () => {
    const installations = await Promise.all(
      ['', 'staging', 'staging-2'].map(async (prefix) => {
        const own = { ...settings, prefix };
        const bus = new NatsBus(await NatsLink.open(own));
        const service = new TestService(bus, prefix);
        ends.push(() => bus.close());
        const server = await service.start(new DrainingNatsServer(own, 'test', DRAIN_MS));
        ends.push(() => server.close());
        return { prefix, bus };
      }),
    );
    for (const { prefix, bus } of installations) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => bus.request(ECHO, { text: '' })));
      expect(new Set(answers.map(({ replica }) => replica))).toEqual(new Set([prefix]));
    }
  });

  it('shares questions with the replicas of its installation', async () => {
    const own = { ...settings, prefix: 'staging' };
    const bus = new NatsBus(await NatsLink.open(own));
    const replicas = ['a', 'b'].map((name) => new TestService(bus, name));
    ends.push(() => bus.close());
    for (const it of replicas) {
      const server = await it.start(new DrainingNatsServer(own, 'test', DRAIN_MS));
      ends.push(() => server.close());
    }
    await Promise.all(Array.from({ length: 100 }, () => bus.request(ECHO, { text: '' })));
    const taken = replicas.map(({ received }) => received.length);
    expect(taken[0]! + taken[1]!).toBe(100);
    expect(Math.min(...taken)).toBeGreaterThan(0);
  });

  describe('with replicas', () => {
    let bus: NatsBus;
    let queue: string;
    const replicas = new Map<TestService, { close(): Promise<void> }>();

    beforeEach(async () => {
      bus = new NatsBus(await NatsLink.open(settings));
      queue = `queue-${randomUUID()}`;
    });
    afterEach(async () => {
      for (const replica of [...replicas.keys()]) await stop(replica);
      await bus.close();
    });

    const servers = new Map<TestService, DrainingNatsServer>();
    const replica = async (name: string) => {
      const service = new TestService(bus, name);
      const server = new DrainingNatsServer(settings, queue, DRAIN_MS);
      servers.set(service, server);
      replicas.set(service, await service.start(server));
      return service;
    };
    const stop = async (service: TestService) => {
      service.openGate();
      await replicas.get(service)!.close();
      replicas.delete(service);
    };
    const answers = () => eventually(() => bus.request(SILENT, {}).then(() => true), { what: 'a replica answers' });

    it('is asked as soon as it has started, and not by luck', async () => {
      for (let round = 0; round < 20; round++) {
        const it = await replica(`round ${round}`);
        await bus.request(SILENT, {});
        await stop(it);
      }
    });

    it('leaves to the others what is new, answers what it has begun, and is not closed by that', async () => {
      const leaves = await replica('leaves');
      leaves.closeGate();
      const begun = bus.request(WAIT, {});
      await eventually(() => leaves.waiting === 1, { what: 'it has begun' });
      await replica('stays');
      await servers.get(leaves)!.leave();
      const taken = leaves.received.length;
      await Promise.all(Array.from({ length: 50 }, () => bus.request(ECHO, { text: '' })));
      expect(leaves.received.length).toBe(taken);
      leaves.openGate();
      expect(await begun).toEqual({ waited: true });
    });

    it('has every request answered by exactly one of them, and lets both work', async () => {
      const [a, b] = [await replica('a'), await replica('b')];
      await eventually(
        async () => {
          await bus.request(ECHO, { text: 'warm up' });
          return a.received.length > 0 && b.received.length > 0;
        },
        { what: 'both replicas have joined' },
      );
      const before = a.received.length + b.received.length;
      const seen = await Promise.all(Array.from({ length: 200 }, () => bus.request(ECHO, { text: 'x' })));
      expect(a.received.length + b.received.length).toBe(before + 200);
      expect(new Set(seen.map(({ replica: name }) => name))).toEqual(new Set(['a', 'b']));
    });

    it('fails no request while one of them closes, under load and again and again', async () => {
      await replica('stays');
      await answers();
      let done = false;
      let requests = 0;
      const failures: unknown[] = [];
      const ask = async () => {
        while (!done) {
          requests++;
          await bus
            .request({ ...ECHO, timeoutMs: 3_000 }, { text: 'x' })
            .catch((error: unknown) => failures.push(error));
        }
      };
      const asking = Promise.all(Array.from({ length: 20 }, ask));
      for (let round = 0; round < 5; round++) {
        const leaves = await replica(`leaves ${round}`);
        await eventually(() => leaves.received.length > 50, { what: 'the replica that will leave has work' });
        await stop(leaves);
      }
      done = true;
      await asking;
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(500);
    });

    it('finishes in the one that closes what it has begun, while the other takes what is new', async () => {
      const leaves = await replica('leaves');
      leaves.closeGate();
      await answers();
      const begun = bus.request(WAIT, {});
      await eventually(() => leaves.waiting === 1, { what: 'it has begun' });
      await replica('stays');
      const closing = replicas.get(leaves)!.close();
      await eventually(async () => (await bus.request(ECHO, { text: '' })).replica === 'stays', {
        what: 'the other one answers',
      });
      const taken = leaves.received.length;
      await Promise.all(Array.from({ length: 50 }, () => bus.request(ECHO, { text: '' })));
      expect(leaves.received.length).toBe(taken);
      leaves.openGate();
      expect(await begun).toEqual({ waited: true });
      await closing;
      replicas.delete(leaves);
    });
  });

  describe.each([
    ['stops in order', 'pause'],
    ['is killed', 'kill'],
  ] as const)('when NATS %s', (_how, end) => {
    it('fails at once with UNAVAILABLE, and works again by itself when NATS is back', async () => {
      const bus = new NatsBus(await NatsLink.open(settings));
      const service = new TestService(bus);
      const server = await service.start(new DrainingNatsServer(settings, 'test', DRAIN_MS));
      try {
        await eventually(() => bus.request(SILENT, {}).then(() => true), { what: 'the service answers' });
        await nats[end]();
        await eventually(
          () =>
            bus.ready().then(
              () => false,
              () => true,
            ),
          { what: 'the bus knows that it is down' },
        );
        const asked = Date.now();
        await expect(bus.request(ECHO, { text: 'x' })).rejects.toMatchObject(UNAVAILABLE);
        await expect(bus.request(NOBODY, {})).rejects.toMatchObject(UNAVAILABLE);
        await expect(bus.ready()).rejects.toMatchObject(UNAVAILABLE);
        expect(Date.now() - asked).toBeLessThan(500);
        await nats.restart();
        await eventually(() => bus.request(ECHO, { text: 'back' }).then(() => true), {
          what: 'the service answers again',
        });
        await bus.ready();
      } finally {
        await nats.restart();
        await server.close();
        await bus.close();
      }
    });
  });

  describe('behind a network that is bad', () => {
    const RECONNECTED_MS = 15_000;
    let gate: TcpGate;
    let behindGate: NatsSettings;
    beforeEach(async () => {
      gate = await startTcpGate(nats.port);
      behindGate = { ...settings, servers: [`nats://127.0.0.1:${gate.port}`] };
    });
    afterEach(() => gate.stop());

    it('a server is ready while questions reach it, whatever other connections its process has', async () => {
      const bus = new NatsBus(await NatsLink.open(settings));
      const transport = new DrainingNatsServer(behindGate, 'test', DRAIN_MS);
      const server = await new TestService(bus).start(transport);
      const isReady = () =>
        transport.ready().then(
          () => true,
          () => false,
        );
      try {
        expect(await isReady()).toBe(true);
        gate.closeBehindLast();
        await eventually(async () => !(await isReady()), { what: 'it knows' });
        await expect(bus.request(SILENT, {})).rejects.toMatchObject(UNAVAILABLE);
        await bus.ready();
        gate.open();
        await eventually(isReady, { what: 'it is back' });
        await bus.request(SILENT, {});
      } finally {
        await server.close();
        await bus.close();
      }
    });

    it.each([
      ['ends while it greets', ['']],
      ['refuses it', Array<string>(3).fill("-ERR 'Authorization Violation'\r\n")],
    ])('a link is soon up again that meets a NATS which %s', async (_how, answers) => {
      const bus = new NatsBus(await NatsLink.open(behindGate));
      try {
        gate.spoilNext(...answers);
        gate.cut();
        await eventually(() => gate.spoiled === answers.length, { what: 'all met it', within: RECONNECTED_MS });
        await eventually(() => bus.ready().then(() => true), { what: 'it is up', within: RECONNECTED_MS });
      } finally {
        await bus.close();
      }
    });
  });

  it('closes its server and its bus in time while NATS is away', async () => {
    const bus = new NatsBus(await NatsLink.open(settings));
    const service = new TestService(bus);
    const server = await service.start(new DrainingNatsServer(settings, 'test', DRAIN_MS));
    await eventually(() => bus.request(SILENT, {}).then(() => true), { what: 'the service answers' });
    await nats.kill();
    try {
      const closed = Promise.all([server.close(), bus.close()]).then(() => 'closed');
      expect(await Promise.race([closed, delay(DRAIN_MS + 2_000, 'still closing', { ref: false })])).toBe('closed');
    } finally {
      await nats.restart();
    }
  });

  it('closes its server in time while NATS says nothing', async () => {
    const bus = new NatsBus(await NatsLink.open(settings));
    const service = new TestService(bus);
    const server = await service.start(new DrainingNatsServer(settings, 'test', DRAIN_MS));
    await eventually(() => bus.request(SILENT, {}).then(() => true), { what: 'the service answers' });
    process.kill(nats.pid, 'SIGSTOP');
    try {
      const closed = server.close().then(() => 'closed');
      expect(await Promise.race([closed, delay(DRAIN_MS + 5_000, 'still closing', { ref: false })])).toBe('closed');
    } finally {
      process.kill(nats.pid, 'SIGCONT');
    }
    await bus.close();
  });

  it('opens its first connection when NATS comes up later', async () => {
    await nats.pause();
    const opening = NatsLink.open(settings);
    await nats.restart();
    const bus = new NatsBus(await opening);
    await bus.ready();
    await bus.close();
    await expect(bus.request(ECHO, { text: '' })).rejects.toMatchObject(UNAVAILABLE);
  });
});
