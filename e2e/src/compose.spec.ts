import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { findProgram, requireOrSkip, runCommand, tempFolder, tryCommand } from '@berth/testing';

const FOLDER = resolve(import.meta.dirname, '../../deploy/compose');
const SERVICES = ['gateway', 'registry-v2', 'manage', 'auth', 'storage', 'gc-worker'];

interface Service {
  image: string;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  networks: Record<string, unknown>;
  ports?: { host_ip: string; published: string; target: number }[];
  read_only?: boolean;
  cap_drop?: string[];
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
}

/** The library with which docker compose reads its files, as a program. */
const compose = findProgram('compose-spec');

requireOrSkip('the Compose file', compose.reason)('the Compose file', () => {
  const folder = tempFolder('berth-compose');
  const settings = readFileSync(resolve(FOLDER, '../../docs/configuration.md'), 'utf8');
  beforeAll(() => {
    for (const file of ['compose.yaml', 'nats.conf', 'secrets.sh'])
      copyFileSync(join(FOLDER, file), join(folder.path, file));
  });
  afterAll(() => folder.remove());

  const run = (program: string, ...args: string[]) =>
    tryCommand(program, args, { cwd: folder.path, env: { PATH: process.env.PATH, HOME: folder.path } });

  it('gets its secrets once, in a file that nobody else can read', async () => {
    expect((await run('sh', 'secrets.sh')).code).toBe(0);
    const file = join(folder.path, '.env');
    const written = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(
      Object.fromEntries(
        written
          .trim()
          .split('\n')
          .map((line) => line.split('=')) as [string, string][],
      ),
    ).toEqual({
      BERTH_SECRET_KEY: expect.stringMatching(/^\w{48}$/),
      BERTH_ADMIN_PASSWORD: expect.stringMatching(/^\w{24}$/),
      POSTGRES_PASSWORD: expect.stringMatching(/^\w{32}$/),
      MINIO_PASSWORD: expect.stringMatching(/^\w{32}$/),
    });
    expect((await run('sh', 'secrets.sh')).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(written);
  });

  describe('as Compose reads it', () => {
    let services: Record<string, Service>;
    beforeAll(async () => {
      const secrets = readFileSync(join(folder.path, '.env'), 'utf8');
      const given = new Map(
        `${secrets}IMAGES=registry.example/team/berth-\nIMAGE_TAG=1.2.3`
          .split('\n')
          .map((line) => line.split('=') as [string, string]),
      );
      // The program that reads it takes no variables: they are put in here.
      const text = readFileSync(join(folder.path, 'compose.yaml'), 'utf8');
      const filled = text.replace(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}/g, (_all, name: string, byDefault?: string) => {
        const value = given.get(name) ?? byDefault;
        if (value === undefined) throw new Error(`secrets.sh makes no ${name}`);
        return value;
      });
      expect(filled).not.toContain('$');
      writeFileSync(join(folder.path, 'filled.yaml'), filled);
      const { stdout } = await runCommand(compose.path!, ['-format', 'json', 'filled.yaml'], {
        cwd: folder.path,
        env: {},
      });
      ({ services } = JSON.parse(stdout) as { services: Record<string, Service> });
    });

    it('has six services of one version, that can write nothing and wait for the migrations of theirs', () => {
      for (const name of SERVICES) {
        expect(services[name]).toMatchObject({
          image: `registry.example/team/berth-${name}:1.2.3`,
          read_only: true,
          cap_drop: ['ALL'],
          depends_on: { migrate: { condition: 'service_completed_successfully' } },
        });
      }
      expect(services['migrate']).toMatchObject({
        image: 'registry.example/team/berth-migrate:1.2.3',
        depends_on: { postgresql: { condition: 'service_healthy' } },
        // It finishes at SIGTERM what it applies.
        stop_grace_period: '1h',
      });
    });

    it('opens the gateway to this host, and nothing else to anybody', () => {
      const open = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
      expect(open.map(([name, { ports }]) => [name, ports])).toEqual([
        ['gateway', [expect.objectContaining({ host_ip: '127.0.0.1', published: '5000', target: 5000 })]],
      ]);
      for (const [name, { networks }] of Object.entries(services)) {
        expect(Object.keys(networks).includes('outside')).toBe(name === 'gateway');
      }
    });

    it('sets what are settings', () => {
      const names = SERVICES.flatMap((name) => Object.keys(services[name]!.environment!));
      for (const name of names) expect(settings).toContain(`| \`${name}\` |`);
    });

    it.each(SERVICES)('finds out by a program that is in the image whether %s is ready', async (name) => {
      const [kind, program, ...args] = services[name]!.healthcheck!.test;
      expect([kind, program]).toEqual(['CMD', 'node']);
      // Nobody listens on that port here: the script runs, and says no.
      const script = args[1]!.replace('127.0.0.1:5001', '127.0.0.1:1');
      const { code, stderr } = await tryCommand(process.execPath, [args[0]!, script], { env: {} });
      expect([code, stderr]).toEqual([1, '']);
    });
  });
});
