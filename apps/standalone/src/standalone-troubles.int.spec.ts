import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  childrenOf,
  eventually,
  findProgram,
  processExists,
  RegistryClient,
  requireOrSkip,
  tempFolder,
  type TempFolder,
} from '@berth/testing';
import { StandaloneProcess } from './testing/standalone-process.js';

jest.setTimeout(90_000);

describe('a start of standalone', () => {
  let temp: TempFolder;
  let data: string;
  const started: StandaloneProcess[] = [];
  beforeEach(() => {
    temp = tempFolder();
    chmodSync(temp.path, 0o755);
    data = join(temp.path, 'data');
  });
  afterEach(async () => {
    for (const each of started.splice(0)) await each.stop();
    temp.remove();
  });

  function start(env: Record<string, string> = {}, folder = data): StandaloneProcess {
    const process = new StandaloneProcess(folder, env);
    started.push(process);
    return process;
  }

  describe('on a port that is taken', () => {
    let squatter: Server;
    let port: string;
    beforeEach(async () => {
      squatter = createServer().listen(0, '127.0.0.1');
      await once(squatter, 'listening');
      port = String((squatter.address() as { port: number }).port);
    });
    afterEach(() => squatter.close());

    it('is refused in one sentence, leaves nothing running, and does not lose the password that it has set', async () => {
      const refused = start({ BERTH_PORT: port });
      expect(await refused.exited).toEqual({ code: 1, signal: null });
      const lines = refused.stderr.trim().split('\n');
      expect(lines.at(-1)).toBe(`berth did not start: port ${port} of 127.0.0.1 is taken by another program`);
      expect(lines.slice(0, -1)).toEqual([expect.stringMatching(/^user admin, password \S{20} \(generated now/)]);

      const next = start();
      await next.ready();
      const password = /password (\S{20})/.exec(refused.stderr)![1]!;
      const client = new RegistryClient(next.address, { user: 'admin', password });
      expect((await client.ping()).status).toBe(200);
      expect(next.password).toBeUndefined();
    });
  });

  it.each([
    ['an unknown setting', { BERTH_PROT: '5000' }, /^berth did not start: BERTH_PROT is not a setting of Berth/],
    ['a port that is none', { BERTH_PORT: '70000' }, /^berth did not start: BERTH_PORT=70000 is not valid/],
    ['a short password', { BERTH_ADMIN_PASSWORD: 'short' }, /^berth did not start: BERTH_ADMIN_PASSWORD is not valid/],
    [
      'open mode for everybody',
      { BERTH_OPEN: 'true', BERTH_HOST: '0.0.0.0' },
      /^berth did not start: BERTH_OPEN=true on/,
    ],
  ])('with %s is refused in one sentence', async (_what, env, sentence) => {
    const refused = start(env);
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toMatch(sentence);
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    expect(refused.stderr).not.toContain('short');
    expect(await childrenOf(refused.pid)).toEqual([]);
  });

  it('on a database that is not there is refused in one sentence', async () => {
    const refused = start({ BERTH_DATABASE_URL: 'postgresql://nobody:secret@127.0.0.1:1/none' });
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toMatch(/^berth did not start: .+\n$/);
    expect(refused.stderr).not.toContain('secret');
  });

  it('is stopped by a signal that comes while it is under way', async () => {
    const early = start();
    const database = await eventually(async () => (await childrenOf(early.pid))[0], { what: 'its PostgreSQL runs' });
    const exit = await early.stop('SIGINT');
    expect(exit).toEqual({ code: 0, signal: null });
    expect(processExists(database)).toBe(false);
  });

  requireOrSkip('root', process.getuid?.() === 0 ? undefined : 'these tests do not run as root')('as root', () => {
    let closed: string;
    beforeEach(() => {
      closed = join(temp.path, 'closed');
      mkdirSync(closed, { mode: 0o700 });
    });

    it("on another user's folder is refused in one sentence, and changes nothing there", async () => {
      const postgres = join(data, 'postgres');
      const version = join(postgres, 'PG_VERSION');
      mkdirSync(postgres, { recursive: true, mode: 0o700 });
      writeFileSync(version, '18\n');
      for (const path of [data, postgres, version]) chownSync(path, 12_345, 12_345);
      const refused = start();
      expect(await refused.exited).toEqual({ code: 1, signal: null });
      expect(refused.stderr).toBe(
        `berth did not start: ${postgres} belongs to the user with the id 12345: run Berth as that user, not as root\n`,
      );
      expect([readdirSync(data), readdirSync(postgres)]).toEqual([['postgres'], ['PG_VERSION']]);
      expect([data, postgres, version].map((path) => statSync(path).uid)).toEqual([12_345, 12_345, 12_345]);
    });

    requireOrSkip('setpriv', findProgram('setpriv').reason)('with setpriv', () => {
      it('below a folder that only root may pass starts all the same, and ends with its PostgreSQL', async () => {
        const registry = start({}, join(closed, 'data'));
        await registry.ready();
        const children = await childrenOf(registry.pid);
        expect(children).toHaveLength(1);
        expect(await registry.stop()).toEqual({ code: 0, signal: null });
        expect(children.filter(processExists)).toEqual([]);
      });
    });

    it('below such a folder and without setpriv says what to do, in one sentence', async () => {
      const programs = join(temp.path, 'bin');
      mkdirSync(programs);
      const refused = start({ PATH: programs }, join(closed, 'data'));
      expect(await refused.exited).toEqual({ code: 1, signal: null });
      expect(refused.stderr).toMatch(
        /^berth did not start: as root, PostgreSQL runs as the user nobody, who cannot pass/,
      );
      expect(refused.stderr).toContain('BERTH_DATA_DIR');
      expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    });
  });
});
