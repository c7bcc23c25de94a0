import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  anImage,
  childrenOf,
  eventually,
  exchange,
  processExists,
  randomBlob,
  RegistryClient,
  tempFolder,
  UploadSession,
} from '@berth/testing';
import { StandaloneProcess } from './testing/standalone-process.js';

jest.setTimeout(90_000);

/** One life after the other on one data folder: each test goes on where the one before has left it. */
describe('a standalone registry', () => {
  const temp = tempFolder();
  const data = join(temp.path, 'data');
  const image = anImage();
  let registry: StandaloneProcess;
  let password: string;
  // As root PostgreSQL runs as nobody, who must be able to pass.
  beforeAll(() => chmodSync(temp.path, 0o755));
  afterAll(async () => {
    await registry?.stop('SIGKILL');
    temp.remove();
  });

  const client = () => new RegistryClient(registry.address, { user: 'admin', password });

  /** Ends it by the signal; every process that it had started ends with it. */
  async function ends(signal: NodeJS.Signals): Promise<void> {
    const children = await childrenOf(registry.pid);
    expect(children.length).toBeGreaterThan(0);
    const asked = performance.now();
    expect(await registry.stop(signal)).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(children.filter(processExists)).toEqual([]);
    expect(existsSync(join(data, 'berth.pid'))).toBe(false);
    expect(existsSync(join(data, 'address'))).toBe(false);
    expect(existsSync(join(data, 'postgres/postmaster.pid'))).toBe(false);
  }

  it('starts on an empty folder, says where, and generates a password', async () => {
    registry = await StandaloneProcess.start(data);
    expect(registry.address).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    password = registry.password!;
    expect(password).toHaveLength(20);
    expect(registry.stderr).toContain(`docker login ${new URL(registry.address).host} -u admin`);
    (await exchange({ method: 'GET', url: `${registry.address}/v2/` })).expect(401);
  });

  it('serves with that password at once', async () => {
    await client().push('team/app', image, 'v1');
    await client().pullAndCompare('team/app', 'v1', image);
    const wrong = new RegistryClient(registry.address, { user: 'admin', password: 'wrong' });
    await expect(wrong.ping()).rejects.toThrow('401');
  });

  it('writes the password nowhere but to the terminal', () => {
    expect(registry.stdout).not.toContain(password);
    expect(readdirSync(data).sort()).toEqual(['address', 'berth.pid', 'blobs', 'postgres', 'secret.key']);
    expect(readFileSync(join(data, 'address'), 'utf8')).toBe(`${registry.address}\n`);
    expect(statSync(join(data, 'secret.key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(data, 'postgres')).mode & 0o777).toBe(0o700);
  });

  it('keeps a second one off its folder, with one sentence and exit code 1, and is not disturbed', async () => {
    const second = new StandaloneProcess(data);
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toBe(`berth did not start: the data folder ${data} is in use by process ${registry.pid}\n`);
    await client().pullAndCompare('team/app', 'v1', image);
    expect(existsSync(join(data, 'berth.pid'))).toBe(true);
  });

  it('ends by SIGINT with everything that it started', () => ends('SIGINT'));

  it('has kept everything when it starts again, and asks for no new password', async () => {
    registry = await StandaloneProcess.start(data, { BERTH_ADMIN_PASSWORD: 'another password' });
    expect(registry.password).toBeUndefined();
    expect(registry.stderr).toContain('user admin, with the password set at first start');
    await client().pullAndCompare('team/app', 'v1', image);
  });

  it('cuts off an upload that outlasts its grace, and goes on behind what had arrived', async () => {
    await registry.stop();
    registry = await StandaloneProcess.start(data, { BERTH_SHUTDOWN_SECONDS: '1' });
    const blob = randomBlob(200_000);
    const session = await client().startUpload('team/cut-off');
    const { pathname } = new URL(session.location, registry.address);
    let isSent: () => void = () => undefined;
    const sent = new Promise<void>((resolve) => (isSent = resolve));
    const answer = session.stream(
      (async function* () {
        yield blob.bytes.subarray(0, 100_000);
        isSent();
        await registry.exited;
      })(),
    );
    await sent;
    await registry.stop();
    (await answer).expect(503);
    registry = await StandaloneProcess.start(data);
    const again = new UploadSession(client(), 'team/cut-off', pathname);
    expect((await again.status()).expect(204).header('range')).toBe('0-99999');
    (await again.patch(blob.bytes.subarray(100_000), 100_000)).expect(202);
    (await again.finish(blob.digest)).expect(201);
  }, 180_000);

  it('starts again after kill -9, with all that was pushed', async () => {
    const more = anImage();
    await client().push('team/app', more, 'v2');
    await registry.stop('SIGKILL');
    registry = await StandaloneProcess.start(data);
    await client().pullAndCompare('team/app', 'v2', more);
  });

  it('ends with an error when its PostgreSQL is killed, and says so', async () => {
    const [postgres] = await childrenOf(registry.pid);
    process.kill(postgres!, 'SIGKILL');
    const { code } = await registry.exited;
    expect(code).toBe(1);
    expect(registry.stdout).toContain('the embedded PostgreSQL ended unexpectedly');
  });

  it('starts again after that, and ends by SIGTERM', async () => {
    await eventually(
      async () => {
        registry = new StandaloneProcess(data);
        await registry.ready();
        return true;
      },
      { what: 'it starts again', within: 30_000, every: 500 },
    );
    await client().pullAndCompare('team/app', 'v1', image);
    await ends('SIGTERM');
  });
});
