import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { tempFolder } from '@berth/testing';

jest.setTimeout(180_000);

const ROOT = join(__dirname, '../../..');
const FAILS = `console.log('error TS2322'); console.error('on standard error'); process.exitCode = 1;`;

/** `bin/berth.mjs` with the real Nx, in a workspace of one project. */
describe('the launcher', () => {
  const temp = tempFolder();
  const program = join(temp.path, 'apps/cli/bin/berth.mjs');
  afterAll(() => temp.remove());

  beforeAll(() => {
    const file = (path: string, content: string) => {
      mkdirSync(dirname(join(temp.path, path)), { recursive: true });
      writeFileSync(join(temp.path, path), content);
    };
    cpSync(join(ROOT, 'apps/cli/bin'), dirname(program), { recursive: true });
    for (const tool of ['build', 'install', 'start']) {
      cpSync(join(ROOT, `tools/${tool}.mjs`), join(temp.path, `tools/${tool}.mjs`));
    }
    for (const path of ['libs/none/none', 'prisma/schema/none']) file(path, '');
    file('tsconfig.base.json', '{}');
    file('nx.json', '{ "analytics": false, "neverConnectToCloud": true, "useDaemonProcess": false }');
    file('package-lock.json', '{ "lockfileVersion": 3, "packages": {} }');
    file('package.json', '{ "name": "workspace", "type": "module", "workspaces": ["apps/*"] }');
    file('apps/cli/package.json', '{ "name": "cli", "scripts": { "build": "node build.js" } }');
    file('apps/cli/dist/main.js', 'console.log("the command")');
    file('node_modules/.bin/none', '');
    symlinkSync(process.execPath, join(temp.path, 'node_modules/.bin/node'));
    symlinkSync(dirname(createRequire(__filename).resolve('nx/package.json')), join(temp.path, 'node_modules/nx'));
  });

  const buildIs = (script: string) => writeFileSync(join(temp.path, 'apps/cli/build.js'), script);
  function run() {
    const { status, stdout, stderr } = spawnSync(program, { encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  it('says once on standard error that it builds', () => {
    const building = 'Berth is being built, which may take half a minute ...\n';
    buildIs('');
    expect(run()).toEqual({ status: 0, stdout: 'the command\n', stderr: building });
    expect(run()).toEqual({ status: 0, stdout: 'the command\n', stderr: '' });
  });

  it('shows what a build that fails has to say, and runs nothing', () => {
    buildIs(FAILS);
    const { status, stdout, stderr } = run();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('error TS2322');
    expect(stderr).toContain('on standard error');
    expect(stderr).toMatch(/\nberth: the build did not succeed \(exit code 1\); see above\n$/);
  });

  it('shows why Nx does not even begin', () => {
    writeFileSync(join(temp.path, 'nx.json'), '{ "targetDefaults": ');
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toContain('nx.json');
  });
});
