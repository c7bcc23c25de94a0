import {
  anImage,
  eventually,
  type Image,
  requireOrSkip,
  startMinio,
  startNats,
  startPostgres,
  startStandby,
  startTcpGate,
  type TcpGate,
  type TestMinio,
  type TestNats,
  type TestPostgres,
  type TestStandby,
} from '@berth/testing';

import { isForeignRegistry, reasonAgainst, startStack, type Stack } from './stack.js';

const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to disturb' : reasonAgainst('distributed');
const CLIENTS = 4;
const ENOUGH = 20;

requireOrSkip('a failover of PostgreSQL', reason)('PostgreSQL dies, and its standby is promoted', () => {
  let primary: TestPostgres;
  let standby: TestStandby;
  let nats: TestNats;
  let minio: TestMinio;
  /** The address that stays when the server behind it is another one. */
  let gate: TcpGate;
  let stack: Stack;

  beforeAll(async () => {
    [primary, nats, minio] = await Promise.all([startPostgres(), startNats(), startMinio()]);
    gate = await startTcpGate(primary.port);
    const database = new URL(await primary.createDatabase());
    database.port = String(gate.port);
    stack = await startStack('distributed', {
      BERTH_DATABASE_URL: String(database),
      BERTH_NATS_URL: nats.url,
      BERTH_S3_ENDPOINT: minio.endpoint,
      BERTH_S3_ACCESS_KEY: minio.accessKey,
      BERTH_S3_SECRET_KEY: minio.secretKey,
    });
    standby = await startStandby(primary);
  });
  afterAll(async () => {
    await stack?.stop();
    await gate?.stop();
    await Promise.all([standby?.stop(), primary?.stop(), nats?.stop(), minio?.stop()]);
  });

  const readiness = async () => {
    const addresses = Object.keys(stack.processes()).flatMap((service) => stack.addresses(service));
    return Promise.all(addresses.map(async (address) => (await fetch(`${address}/readyz`)).status));
  };

  it('takes no answer back that was given, and all goes on by itself', async () => {
    const acknowledged: { repository: string; tag: string; image: Image }[] = [];
    let isOver = false;
    const pushing = async (repository: string) => {
      for (let n = 0; !isOver; n++) {
        const image = anImage({ layers: 2, layerSize: 20_000 });
        const isPushed = await stack
          .client()
          .push(repository, image, `v${n}`)
          .then(
            () => true,
            () => false,
          );
        if (isPushed) acknowledged.push({ repository, tag: `v${n}`, image });
      }
    };
    const goesOn = async () => {
      const before = acknowledged.length;
      await eventually(() => acknowledged.length >= before + ENOUGH, { what: 'pushes go on', within: 120_000 });
    };
    const processes = stack.processes();
    const clients = Array.from({ length: CLIENTS }, (_, n) => pushing(`failover/client-${n}`));
    try {
      await goesOn();
      await primary.kill();
      // Whoever fails over leads clients to the standby, sooner or later than it takes writes.
      gate.leadTo(standby.port);
      await eventually(async () => (await readiness()).includes(503), { what: 'somebody says so', within: 30_000 });
      await standby.promote();
      await eventually(async () => (await readiness()).every((status) => status === 200), {
        what: 'all are ready again',
        within: 60_000,
      });
      await goesOn();
    } finally {
      isOver = true;
      await Promise.all(clients);
    }
    for (const { repository, tag, image } of acknowledged) await stack.client().pullAndCompare(repository, tag, image);
    expect(stack.processes()).toEqual(processes);
  });
});
