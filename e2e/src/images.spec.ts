import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';

import {
  anImage,
  Docker,
  dockerArchive,
  dockerClients,
  eventually,
  findDockerd,
  findMinio,
  findProgram,
  firstReason,
  freePort,
  RegistryClient,
  requireOrSkip,
  runCommand,
  startDockerd,
  startMinio,
  startNats,
  startPostgres,
  type TestDockerd,
  type TestMinio,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

import { baseImage } from './base-image.js';

const ROOT = resolve(import.meta.dirname, '../..');
const SERVICES = ['storage', 'manage', 'auth', 'registry-v2', 'gc-worker', 'gateway'];
const IMAGES = [...SERVICES, 'migrate'];
const GRACE_SECONDS = 30;

const client = dockerClients().find(({ found }) => found.path !== null)?.found ?? dockerClients()[0]!.found;
const reason = firstReason(findDockerd(), client, findMinio(), findProgram('nats-server'), findProgram('ldd'));

interface Container {
  service: string;
  id: string;
  internal: string;
  /** Milliseconds from `docker run` until it was ready. */
  readyAfter: number;
}

requireOrSkip('the images of the services', reason)('the images of the services', () => {
  let engine: TestDockerd;
  let postgres: TestPostgres;
  let nats: TestNats;
  let minio: TestMinio;
  const docker = async (...args: string[]) => (await engine.docker(client.path!, args)).stdout.trim();
  const tryDocker = (...args: string[]) => engine.docker(client.path!, args, { mayFail: true });
  const imageOf = (name: string) => `berth.test/berth-${name}:1.2.3`;
  const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--network=host'];

  beforeAll(async () => {
    [engine, postgres, nats, minio] = await Promise.all([startDockerd(), startPostgres(), startNats(), startMinio()]);
    await engine.docker(client.path!, ['import', '-', 'berth-base:test'], { input: await baseImage() });
    const options = ['--base', 'berth-base:test', '--registry', 'berth.test', '--tag', '1.2.3'];
    await runCommand(process.execPath, ['tools/images.mjs', ...options, '--source', 'https://berth.test/source'], {
      cwd: ROOT,
      env: { ...process.env, DOCKER_HOST: engine.host },
      timeout: 600_000,
    });
  }, 700_000);
  afterAll(async () => {
    await engine?.stop();
    await Promise.all([postgres?.stop(), nats?.stop(), minio?.stop()]);
  });

  it.each(IMAGES)(
    '%s: an ordinary user, no shell, labels, and all but a little shared with the others',
    async (name) => {
      const [image] = JSON.parse(await docker('image', 'inspect', imageOf(name))) as [
        {
          Config: { User: string; Labels: Record<string, string>; Entrypoint: string[] };
          RootFS: { Layers: string[] };
        },
      ];
      expect(image.Config).toMatchObject({ User: '65532:65532', Entrypoint: ['node', 'main.js'] });
      expect(image.Config.Labels).toMatchObject({
        'org.opencontainers.image.title': `berth-${name}`,
        'org.opencontainers.image.version': '1.2.3',
        'org.opencontainers.image.source': 'https://berth.test/source',
        'org.opencontainers.image.licenses': 'Apache-2.0',
      });
      const layersOf = async (other: string) =>
        JSON.parse(await docker('image', 'inspect', '-f', '{{json .RootFS.Layers}}', imageOf(other))) as string[];
      const shared = await layersOf(name === 'auth' ? 'manage' : 'auth');
      expect(image.RootFS.Layers.slice(0, -1)).toEqual(shared.slice(0, -1));
      const shell = await tryDocker(
        'run',
        '--rm',
        '--network=none',
        '--entrypoint=/bin/sh',
        imageOf(name),
        '-c',
        'true',
      );
      expect(shell.code).toBe(127);
    },
  );

  it.each(IMAGES)('%s: its bill of materials lists the packages that are in it, and no others', async (name) => {
    const script = `
      const { readdirSync, readFileSync, statSync } = await import('node:fs');
      const found = [];
      const visit = (folder) => {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
          const path = folder + '/' + entry.name;
          if (!entry.isDirectory()) continue;
          if (entry.name.startsWith('@')) { visit(path); continue; }
          const { name, version } = JSON.parse(readFileSync(path + '/package.json', 'utf8'));
          found.push(name + '@' + version);
          if (readdirSync(path).includes('node_modules')) visit(path + '/node_modules');
        }
      };
      visit('/berth/node_modules');
      const { packages } = JSON.parse(readFileSync('/berth/sbom.spdx.json', 'utf8'));
      const listed = packages.slice(1).map(({ name, versionInfo }) => name + '@' + versionInfo);
      console.log(JSON.stringify({ found, listed, licences: packages.filter((one) => !one.licenseDeclared).map((one) => one.name) }));`;
    const inside = ['--input-type=module', '-e', script];
    const output = await docker(
      'run',
      '--rm',
      '--network=none',
      '--read-only',
      '--entrypoint=node',
      imageOf(name),
      ...inside,
    );
    const { found, listed, licences } = JSON.parse(output) as Record<'found' | 'listed' | 'licences', string[]>;
    expect(found.length).toBeGreaterThan(100);
    expect(listed.sort()).toEqual([...new Set(found)].sort());
    expect(licences).toEqual([]);
  });

  it('a wrong setting ends the container with a sentence and status 1', async () => {
    const result = await tryDocker('run', '--rm', ...hardened, '-e', 'BERTH_POTR=1', imageOf('gateway'));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/BERTH_POTR/);
  });

  describe('together, with nothing writable and no rights', () => {
    const password = randomBytes(12).toString('base64url');
    const containers: Container[] = [];
    let gateway: string;
    const image = anImage({ layers: 3, layerSize: 2_000_000, format: 'docker' });

    beforeAll(async () => {
      const settings: Record<string, string> = {
        BERTH_HOST: '127.0.0.1',
        BERTH_INTERNAL_HOST: '127.0.0.1',
        BERTH_DATABASE_URL: await postgres.createDatabase(),
        BERTH_NATS_URL: nats.url,
        BERTH_S3_ENDPOINT: minio.endpoint,
        BERTH_S3_ACCESS_KEY: minio.accessKey,
        BERTH_S3_SECRET_KEY: minio.secretKey,
        BERTH_SECRET_KEY: randomBytes(32).toString('base64url'),
        BERTH_ADMIN_PASSWORD: password,
        BERTH_SHUTDOWN_SECONDS: String(GRACE_SECONDS),
      };
      const run = (name: string, own: Record<string, string>, ...options: string[]) => {
        const environment = Object.entries({ ...settings, ...own }).flatMap(([key, value]) => [
          '-e',
          `${key}=${value}`,
        ]);
        return docker('run', ...options, ...hardened, ...environment, imageOf(name));
      };
      const migrations = await Promise.all([run('migrate', {}, '--rm'), run('migrate', {}, '--rm')]);
      expect(migrations.filter((said) => said.includes('up to date'))).toHaveLength(1);
      for (const service of SERVICES) {
        const [port, internalPort] = [await freePort(), await freePort()];
        const began = Date.now();
        const id = await run(
          service,
          { BERTH_PORT: String(port), BERTH_INTERNAL_PORT: String(internalPort) },
          '--detach',
        );
        const internal = `http://127.0.0.1:${internalPort}`;
        await eventually(async () => (await fetch(`${internal}/readyz`)).ok, {
          what: `${service} is ready`,
          within: 60_000,
        });
        containers.push({ service, id, internal, readyAfter: Date.now() - began });
        if (service === 'gateway') gateway = `127.0.0.1:${port}`;
      }
    }, 300_000);

    it('docker pushes an image and pulls it back, and the bytes are the same', async () => {
      const user = new Docker(engine, client.path!, gateway);
      await user.login('admin', password);
      await user.load(dockerArchive(image, user.reference('team/app:v1')));
      const digest = await user.push('team/app:v1');
      await user.removeImage('team/app:v1');
      expect(await user.pull('team/app:v1')).toBe(digest);
      expect((await user.inspect('team/app:v1')).Id).toBe(image.config.digest);
      const raw = new RegistryClient(`http://${gateway}`, { user: 'admin', password });
      expect((await raw.pull('team/app', 'v1')).manifest.digest).toBe(digest);
    });

    it.each([...SERVICES].reverse())(
      '%s ends in good order at SIGTERM, as the first process of its container',
      async (service) => {
        const { id, internal, readyAfter } = containers.find((container) => container.service === service)!;
        const metrics = await (await fetch(`${internal}/metrics`)).text();
        const resident = Number(/^process_resident_memory_bytes\S* (\S+)/m.exec(metrics)![1]);
        const size = Number(await docker('image', 'inspect', '-f', '{{.Size}}', imageOf(service)));
        const mega = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
        process.stdout.write(
          `${service}: image ${mega(size)}, ready after ${readyAfter} ms, memory ${mega(resident)}\n`,
        );
        await docker('stop', '--time', String(GRACE_SECONDS + 5), id);
        expect(await docker('inspect', '-f', '{{.State.ExitCode}} {{.State.OOMKilled}}', id)).toBe('0 false');
        expect(await docker('logs', '--tail', '1', id)).toMatch(/"msg":"stopped"/);
      },
    );
  });
});
