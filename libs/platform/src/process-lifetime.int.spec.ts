import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { eventually } from './testing/test-kit.js';

const DIST = resolve(__dirname, '../dist/index.js');

/** A process with this main (a text). */
class TestProcess {
  out = '';
  err = '';
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  private readonly child: ChildProcess;

  constructor(main: string, env: Record<string, string> = {}) {
    const imports = `import { createLogger, loadSettings, runService, runUntilStopped } from ${JSON.stringify(DIST)};`;
    this.child = spawn(process.execPath, ['--input-type=module', '-e', `${imports} ${main}`], {
      cwd: __dirname,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.ended = new Promise((done) => this.child.once('close', (code, signal) => done({ code, signal })));
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  messages(): string[] {
    return this.out
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
  }

  async until(message: string): Promise<void> {
    await eventually(() => this.messages().includes(message), { what: `it says "${message}"`, within: 30_000 });
  }
}

const UP = `setInterval(() => {}, 1000); logger.info('up'); setTimeout(() => logger.flush());`;

jest.setTimeout(60_000);

describe('runUntilStopped', () => {
  const processes: TestProcess[] = [];
  /** Runs `start` (the text of a function body) under runUntilStopped. */
  const run = (start: string) => {
    const it = new TestProcess(`
      import { createServer } from 'node:net';
      const logger = createLogger('storage', 'info');
      const shutdownSeconds = 30;
      await runUntilStopped('storage', async () => { ${start} });`);
    processes.push(it);
    return it;
  };
  afterEach(async () => {
    for (const it of processes.splice(0)) {
      it.signal('SIGKILL');
      await it.ended;
    }
  });

  describe('a start that fails', () => {
    it('says why in one sentence, without a stack, and exits 1', async () => {
      const it = run(`throw new Error('the disk is full');`);
      expect(await it.ended).toEqual({ code: 1, signal: null });
      expect(it.err).toBe('storage did not start: the disk is full\n');
      expect(it.out).toBe('');
    });

    it('says it in one sentence when the reason has several lines', async () => {
      const it = run(`throw new Error('\\nInvalid invocation:\\n\\n  the disk is full\\n');`);
      expect(await it.ended).toMatchObject({ code: 1 });
      expect(it.err.trimEnd().split('\n')).toHaveLength(1);
      expect(it.err).toContain('the disk is full');
    });

    it('says one sentence for each trouble of the settings', async () => {
      const it = run(`loadSettings({ BERTH_PORT: 'x' }, ['databaseUrl']);`);
      expect(await it.ended).toMatchObject({ code: 1 });
      expect(it.err).toMatch(
        /^storage did not start: BERTH_PORT=x is not valid: .+\nBERTH_DATABASE_URL is not set: .+\n$/,
      );
    });

    it('says which port is taken', async () => {
      const server = createServer();
      const port = await new Promise<number>((done) =>
        server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port)),
      );
      const it = run(`await new Promise((ok, no) => createServer().on('error', no).listen(${port}, '127.0.0.1'));`);
      expect(await it.ended).toMatchObject({ code: 1 });
      expect(it.err).toBe(`storage did not start: port ${port} of 127.0.0.1 is taken by another program\n`);
      server.close();
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops at %s: finishes, says so, and exits 0', async (signal) => {
    const it = run(`${UP} return { logger, shutdownSeconds, stop: async () => { logger.info('finishing'); } };`);
    await it.until('up');
    it.signal(signal);
    expect(await it.ended).toEqual({ code: 0, signal: null });
    expect(it.messages()).toEqual(['up', 'stopping', 'finishing', 'stopped']);
    expect(it.err).toBe('');
  });

  it('stops when it has started, where the signal came during the start', async () => {
    const it = run(`${UP} process.kill(process.pid, 'SIGTERM'); await new Promise((ok) => setTimeout(ok, 100));
      logger.info('started'); return { logger, shutdownSeconds, stop: async () => {} };`);
    expect(await it.ended).toMatchObject({ code: 0 });
    expect(it.messages()).toEqual(['up', 'started', 'stopping', 'stopped']);
  });

  it('gives up the start of a service that waits for NATS in vain', async () => {
    const sentry = createServer();
    const asked = new Promise<void>((done) => sentry.once('connection', () => done()));
    const port = await new Promise<number>((done) =>
      sentry.listen(0, '127.0.0.1', () => done((sentry.address() as { port: number }).port)),
    );
    const main = `await runService({ name: 'storage', module: class {}, required: [], database: false });`;
    const it = new TestProcess(main, { BERTH_NATS_URL: `nats://127.0.0.1:${port}` });
    processes.push(it);
    await asked;
    it.signal('SIGTERM');
    expect(await it.ended).toEqual({ code: 1, signal: null });
    expect(it.err).toBe('storage did not start: SIGTERM came, and 5 s later it was still starting\n');
    sentry.close();
  });

  it('takes two signals within a second for one', async () => {
    const it = run(`${UP} let finish; process.on('SIGUSR2', () => finish());
      return { logger, shutdownSeconds, stop: () => new Promise((ok) => { finish = ok; logger.info('asked'); logger.flush(); }) };`);
    await it.until('up');
    it.signal('SIGINT');
    await it.until('asked');
    it.signal('SIGINT');
    it.signal('SIGTERM');
    it.signal('SIGUSR2');
    expect(await it.ended).toEqual({ code: 0, signal: null });
    expect(it.messages().filter((message) => message === 'stopping')).toHaveLength(1);
  });

  it('ends at once at a second signal that comes later', async () => {
    const it =
      run(`${UP} const now = Date.now; process.on('SIGUSR2', () => { Date.now = () => now() + 2000; logger.info('later'); logger.flush(); });
      return { logger, shutdownSeconds, stop: () => new Promise(() => { logger.info('asked'); logger.flush(); }) };`);
    await it.until('up');
    it.signal('SIGTERM');
    await it.until('asked');
    it.signal('SIGUSR2');
    await it.until('later');
    it.signal('SIGTERM');
    expect(await it.ended).toEqual({ code: 130, signal: null });
  });

  it('says that it stops, goes on for as long as it is to drain, and finishes then', async () => {
    const it = run(`${UP} let drained = false;
      const drain = () => { logger.info('draining'); setTimeout(() => { drained = true; logger.info('served'); }, 100); };
      return { logger, shutdownSeconds, drain, drainSeconds: 1, stop: async () => { logger.info(drained ? 'finishing' : 'too early'); } };`);
    await it.until('up');
    it.signal('SIGTERM');
    expect(await it.ended).toEqual({ code: 0, signal: null });
    expect(it.messages()).toEqual(['up', 'stopping', 'draining', 'served', 'finishing', 'stopped']);
  });

  it('lets what has not finished in time keep what it has', async () => {
    const it = run(`${UP} let finish; const cutOff = () => { logger.info('cut off'); setTimeout(finish, 100); };
      const stop = () => new Promise((ok) => { finish = () => { logger.info('kept'); ok(); }; });
      return { logger, shutdownSeconds: 0.1, stop, cutOff };`);
    await it.until('up');
    it.signal('SIGTERM');
    expect(await it.ended).toMatchObject({ code: 0 });
    expect(it.messages()).toEqual(['up', 'stopping', 'cut off', 'kept', 'stopped before everything had finished']);
  });

  it('cuts off what has not finished in time, and says so', async () => {
    const it = run(`${UP} return { logger, shutdownSeconds: 0.1, stop: () => new Promise(() => {}) };`);
    await it.until('up');
    it.signal('SIGTERM');
    expect(await it.ended).toMatchObject({ code: 0 });
    expect(it.messages().at(-1)).toBe('stopped before everything had finished');
  });
});
