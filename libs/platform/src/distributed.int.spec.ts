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
const LOGIN = { user: 'berth', password: 'swordfish' };

interface LogLine {
  level: string;
  msg: string;
  reason?: string;
}

/** The service on its way, and what it has written. */
class Starting {
  log = '';

  private constructor(
    readonly child: ChildProcess,
    private readonly url: string,
  ) {
    child.stdout!.on('data', (bytes: Buffer) => (this.log += String(bytes)));
  }

  static async with(env: NodeJS.ProcessEnv): Promise<Starting> {
    const port = await freePort();
    const child = spawn(process.execPath, ['--input-type=module', '-e', MAIN], {
      cwd: __dirname,
      env: {
        PATH: process.env['PATH'],
        BERTH_INTERNAL_HOST: '127.0.0.1',
        BERTH_INTERNAL_PORT: String(port),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Starting(child, `http://127.0.0.1:${port}`);
  }

  get lines(): LogLine[] {
    return this.log
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  }

  async get(path: string): Promise<{ status: number; body: { checks?: Record<string, object> } }> {
    const answer = await fetch(this.url + path);
    return { status: answer.status, body: (await answer.json()) as object };
  }

  /** Until the probe answers so. */
  readiness(status: number, bus: string) {
    return eventually(
      async () => {
        const answer = await this.get('/readyz').catch(() => null);
        return answer?.status === status && JSON.stringify(answer.body.checks?.['bus']).includes(bus);
      },
      { what: `readiness is ${status} and says ${bus}`, within: STARTED_MS, every: 200 },
    );
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

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

requireOrSkip('nats-server', findProgram('nats-server').reason)('a service that starts without NATS', () => {
  let nats: TestNats;
  let service: Starting;

  beforeEach(async () => {
    nats = await startNats({ login: LOGIN });
  });
  afterEach(async () => {
    await service?.stop();
    await nats?.stop();
  });

  const start = async (password: string) => {
    service = await Starting.with({
      BERTH_NATS_URL: nats.url,
      BERTH_NATS_USER: LOGIN.user,
      BERTH_NATS_PASSWORD: password,
    });
  };

  it('is live, says at its probe and once in its log why it waits, again when that changes, and never the password', async () => {
    await start('a wrong one');
    await service.readiness(503, 'Authorization Violation');
    expect(await service.get('/livez')).toEqual({ status: 200, body: { status: 'live' } });
    await nats.pause();
    await service.readiness(503, 'ECONNREFUSED');
    await nats.restart();
    await service.readiness(503, 'Authorization Violation');
    await eventually(() => service.lines.length >= 3, { what: 'three lines' });
    const refused = { level: 'warn', dependency: 'bus', reason: 'Authorization Violation' };
    const reasons = service.lines.map(({ reason }) => reason);
    expect([service.lines[0], service.lines.at(-1)]).toMatchObject([refused, refused]);
    expect(reasons).toContain(`connect ECONNREFUSED 127.0.0.1:${nats.port}`);
    expect(reasons.filter((reason, n) => reason === reasons[n - 1])).toEqual([]);
    expect(service.log).not.toContain('a wrong one');
  });

  it('starts when NATS is there', async () => {
    await nats.pause();
    await start(LOGIN.password);
    await service.readiness(503, 'ECONNREFUSED');
    await nats.restart();
    await service.readiness(200, 'up');
    await eventually(() => service.lines.some(({ msg }) => msg === 'service started'), { what: 'it says so' });
    expect(service.lines.map(({ msg }) => msg)).toEqual(['the start waits', 'the start goes on', 'service started']);
  });
});
