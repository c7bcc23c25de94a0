import { join } from 'node:path';

import {
  anImage,
  anIndex,
  findProgram,
  findPythonClients,
  firstReason,
  recordUse,
  requireOrSkip,
  tempFolder,
  tryCommand,
  type CommandResult,
  type Found,
  type Image,
  type TempFolder,
} from '@berth/testing';

import { asksForLogin, isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const SCRIPTS = join(import.meta.dirname, '../scripts');
const mode = modeOfThisRun();
const curl = findProgram('curl');
const reason = reasonAgainst(mode) ?? firstReason(curl, findProgram('jq'), findPythonClients());
const OPEN = 'an open registry';
const LOGIN = 'a registry that asks for a login';
const CASES = isForeignRegistry() ? [LOGIN] : [LOGIN, OPEN];

/** Each language, and the program that runs its script; that program's client is what the table of clients names. */
const LANGUAGES = [
  { script: 'registry.sh', program: 'bash', client: { name: 'curl script', file: curl.path! } },
  {
    script: 'registry.py',
    program: 'python-clients',
    client: {
      name: 'requests (Python)',
      file: findPythonClients().path!,
      versionArguments: ['-c', 'import requests; print(requests.__version__)'],
    },
  },
];

requireOrSkip(`scripts with curl and requests against ${mode}`, reason)(`scripts that people write (${mode})`, () => {
  describe.each(CASES)('on %s', (access) => {
    let stack: Stack;
    let home: TempFolder;
    beforeAll(async () => {
      stack = await startStack(mode, access === OPEN ? { BERTH_OPEN: 'true' } : {});
      home = tempFolder('bsf');
    });
    afterAll(async () => {
      home?.remove();
      await stack?.stop();
    });

    /** Runs a script as it is, with nothing in its environment but what its first lines name. */
    async function run(
      { script, program, client }: (typeof LANGUAGES)[number],
      args: readonly string[],
      settings: NodeJS.ProcessEnv = {},
    ): Promise<CommandResult> {
      const { user, password } = stack.credentials ?? {};
      const login = access === OPEN || !user ? {} : { LOGIN: `${user}:${password}` };
      const found: Found = findProgram(program);
      const env = { PATH: process.env.PATH, HOME: home.path, REGISTRY: stack.base, ...login, ...settings };
      const result = await tryCommand(found.path!, [join(SCRIPTS, script), ...args], { env });
      recordUse(client, args.length ? args : ['by hand'], result.code);
      return result;
    }

    const linesOf = ({ stdout }: CommandResult) => stdout.split('\n').filter(Boolean);

    describe.each(LANGUAGES)('$script', (language) => {
      const name = language.script.replace('.', '-');
      const image = anImage();
      beforeAll(async () => {
        for (const tag of ['latest', 'v1', 'v2', 'v3', 'v4']) {
          await stack.client().push(name, tag === 'latest' ? image : anImage({ layers: 1 }), tag);
        }
      });

      it('lists the repositories page by page', async () => {
        const others = ['a', 'b', 'c', 'd'].map((other) => `${name}-${other}`);
        for (const other of others) await stack.client().push(other, anImage({ layers: 1 }), 'v1');
        const listed = linesOf(await run(language, ['repositories'], { PAGE: '2' }));
        expect(listed).toEqual(expect.arrayContaining([name, ...others]));
        expect(listed).toEqual([...new Set(listed)].sort());
      });

      it('lists the tags page by page', async () => {
        expect(linesOf(await run(language, ['tags', name], { PAGE: '2' }))).toEqual(['latest', 'v1', 'v2', 'v3', 'v4']);
      });

      it('reads the digest of an image and of an index', async () => {
        const index = anIndex();
        await stack.client().push(name, index, 'many');
        expect(linesOf(await run(language, ['digest', name, 'latest']))).toEqual([image.manifest.digest]);
        expect(linesOf(await run(language, ['digest', name, 'many']))).toEqual([index.manifest.digest]);
      });

      it('deletes by digest, and the tag goes', async () => {
        const gone = anImage();
        await stack.client().push(name, gone, 'gone');
        expect(linesOf(await run(language, ['delete', name, 'gone']))).toEqual([gone.manifest.digest]);
        const after = await run(language, ['digest', name, 'gone']);
        expect(after.code).not.toBe(0);
        expect(after.stderr).toContain('404');
        expect((await stack.client().headManifest(name, 'gone')).status).toBe(404);
        expect((await stack.client().headManifest(name, 'latest')).status).toBe(200);
      });

      if (access === LOGIN && asksForLogin()) {
        it.each([
          ['a wrong password', 'admin:wrong'],
          ['no login', ''],
        ])('fails with %s, and changes nothing', async (_, login) => {
          const result = await run(language, ['delete', name, 'v1'], { LOGIN: login });
          expect(result.code).not.toBe(0);
          expect(result.stderr).toContain('401');
          expect((await stack.client().headManifest(name, 'v1')).status).toBe(200);
        });
      }
    });

    if (!isForeignRegistry()) {
      it('a HEAD by curl -X, which waits for a body, ends at once with all headers', async () => {
        const image = anImage();
        await stack.client().push('curl-head', image, 'v1');
        const token = await stack.client().tokenFor(['repository:curl-head:pull']);
        for (const [path, { digest, size }] of [
          ['manifests/v1', image.manifest],
          [`blobs/${image.layers[0]!.digest}`, image.layers[0]!],
        ] as const) {
          const login = token ? ['-H', `Authorization: ${token}`] : [];
          const url = `${stack.base}/v2/curl-head/${path}`;
          const args = ['-s', '-i', '-X', 'HEAD', '--max-time', '10', ...login, url];
          const { code, stdout } = await tryCommand(curl.path!, args);
          // 18 is of curl's own making: the body is shorter than Content-Length. Had it waited, it would be 28.
          expect(code).toBe(18);
          expect(stdout).toMatch(/^HTTP\/1\.1 200 /);
          expect(stdout.toLowerCase()).toContain(`docker-content-digest: ${digest}\r\n`);
          expect(stdout.toLowerCase()).toContain(`content-length: ${size}\r\n`);
        }
      });
    }

    describe('by-hand.sh', () => {
      const byHand = { ...LANGUAGES[0]!, script: 'by-hand.sh' };

      it.each(['oci', 'docker'] as const)('goes through the life of nginx:latest, of the %s form', async (format) => {
        const image: Image = anImage({ format });
        await stack.client().push('nginx', image, 'latest');
        const result = await run(byHand, []);
        expect(result.stderr).toBe('');
        const { digest } = image.manifest;
        const asked = (await stack.client().tokenFor([])) !== null;
        expect(linesOf(result)).toEqual([
          `GET /v2/: ${asked ? 401 : 200}`,
          ...(asked ? ['token for repository:nginx:pull'] : []),
          'tags: latest',
          `digest by HEAD: ${digest}`,
          `digest by GET: ${digest}`,
          'DELETE: 202',
          'GET of the tag: 404',
        ]);
      });
    });
  });
});
