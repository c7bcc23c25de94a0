import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import {
  eventually,
  findProgram,
  freePort,
  requireOrSkip,
  startNats,
  startTcpGate,
  type TcpGate,
  type TestNats,
} from './testing/test-kit.js';

const MAIN = `
  import { runService } from ${JSON.stringify(resolve(__dirname, '../dist/index.js'))};
  class TestModule {}
  await runService({ name: 'storage', module: TestModule, required: [], database: false });`;
const STARTED_MS = 60_000;

jest.setTimeout(120_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('a service on NATS', () => {
  let nats: TestNats;
  let gate: TcpGate;
  let child: ChildProcess;
  let readyz: string;

  beforeAll(async () => {
    nats = await startNats();
    gate = await startTcpGate(nats.port);
    const port = await freePort();
    readyz = `http://127.0.0.1:${port}/readyz`;
    child = spawn(process.execPath, ['--input-type=module', '-e', MAIN], {
      cwd: __dirname,
      env: {
        PATH: process.env['PATH'],
        BERTH_NATS_URL: `nats://127.0.0.1:${gate.port}`,
        BERTH_INTERNAL_HOST: '127.0.0.1',
        BERTH_INTERNAL_PORT: String(port),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  });
  afterAll(async () => {
    if (child?.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await gate?.stop();
    await nats?.stop();
  });

  const readiness = async () => {
    const answer = await fetch(readyz);
    const { checks } = (await answer.json()) as { checks: Record<string, { status: string }> };
    return { status: answer.status, service: checks['service']?.status, bus: checks['bus']?.status };
  };
  const until = (expected: Awaited<ReturnType<typeof readiness>>, what: string) =>
    eventually(async () => JSON.stringify(await readiness()) === JSON.stringify(expected), {
      what,
      within: STARTED_MS,
      every: 200,
    });

  it('is not ready while no question reaches it, also where it can ask itself', async () => {
    await until({ status: 200, service: 'up', bus: 'up' }, 'it has started');
    // The connection for questions is the last one that a service opens.
    gate.closeBehindLast();
    await until({ status: 503, service: 'down', bus: 'up' }, 'it is not ready');
    gate.open();
    await until({ status: 200, service: 'up', bus: 'up' }, 'it is ready again');
  });
});
