import {
  anImage,
  blobsOf,
  Crane,
  Docker,
  dockerArchive,
  dockerClients,
  findBusybox,
  findCrane,
  findDockerd,
  findSkopeo,
  firstReason,
  MEDIA_TYPE,
  requireOrSkip,
  Skopeo,
  startDockerd,
  tarArchive,
  writeDirLayout,
  writeOciLayout,
  type TestDockerd,
} from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const reason = reasonAgainst(mode) ?? firstReason(findDockerd(), findBusybox());

requireOrSkip(`Docker Engine against ${mode}`, reason)(`Docker Engine (${mode})`, () => {
  let stack: Stack;
  let engine: TestDockerd;
  beforeAll(async () => {
    stack = await startStack();
    engine = await startDockerd({ insecureRegistry: stack.host });
  });
  afterAll(async () => {
    await engine?.stop();
    await stack?.stop();
  });

  dockerClients().forEach(({ name, found }, position) => {
    requireOrSkip(name, found.reason)(`with ${name}`, () => {
      const team = `e2e/docker${position}`;
      let docker: Docker;
      beforeAll(async () => {
        docker = new Docker(engine, found.path!, stack.host);
        if (stack.credentials) await docker.login(stack.credentials.user, stack.credentials.password);
      });

      if (asksForLogin()) {
        it('is refused with a wrong password', async () => {
          const result = await docker.try(['login', '-u', 'admin', '--password-stdin', stack.host], 'wrong');
          expect(result.code).not.toBe(0);
          expect(result.stderr).toMatch(/unauthorized/i);
        });

        it('is refused when it pushes without a login', async () => {
          const { user, password } = stack.credentials!;
          await docker.importTar(tarArchive([{ path: 'hello', content: 'hello' }]), `${team}/anonymous:v1`);
          await docker.logout();
          const refused = await docker.try(['push', docker.reference(`${team}/anonymous:v1`)]);
          expect((await docker.login(user, password)).stdout).toContain('Login Succeeded');
          expect(refused.code).not.toBe(0);
          expect(refused.stderr).toMatch(/unauthorized|denied|authentication required|no basic auth/i);
        });
      }

      it('pushes an image of many layers and pulls it back the same, by tag and by digest', async () => {
        const image = anImage({ layers: 5, layerSize: 200_000, busybox: true, format: 'docker' });
        const name = `${team}/app`;
        await docker.load(dockerArchive(image, docker.reference(`${name}:v1`)));
        const digest = await docker.push(`${name}:v1`);

        await docker.removeImage(`${name}:v1`);
        expect(await docker.pull(`${name}:v1`)).toBe(digest);
        const pulled = await docker.inspect(`${name}:v1`);
        expect(pulled.Id).toBe(image.config.digest);
        expect(pulled.RepoDigests).toEqual([docker.reference(`${name}@${digest}`)]);
        expect(await docker.runContainer(`${name}:v1`, '/bin/busybox', 'echo', 'hi')).toBe('hi\n');

        await docker.removeImage(`${name}:v1`);
        expect(await docker.pull(`${name}@${digest}`)).toBe(digest);
        expect((await docker.inspect(`${name}@${digest}`)).Id).toBe(image.config.digest);
        await docker.removeImage(`${name}@${digest}`);
      });

      it('pushes an image of docker import, and the registry serves the bytes that its manifest names', async () => {
        const name = `${team}/imported`;
        await docker.importTar(tarArchive([{ path: 'hello', content: `hello from ${team}` }]), `${name}:v1`);
        const digest = await docker.push(`${name}:v1`);
        const { Id } = await docker.inspect(`${name}:v1`);
        const { manifest, blobs } = await stack.client().pull(name, 'v1');
        expect(manifest.digest).toBe(digest);
        expect([...blobs.keys()]).toContain(Id);
      });

      it('finds the layers of a first repository when it pushes to a second one', async () => {
        const image = anImage({ layers: 2, layerSize: 100_000, format: 'docker' });
        await docker.load(dockerArchive(image, docker.reference(`${team}/first:v1`)));
        const digest = await docker.push(`${team}/first:v1`);
        await docker.run(['tag', docker.reference(`${team}/first:v1`), docker.reference(`${team}/second:v1`)]);
        expect(await docker.push(`${team}/second:v1`)).toBe(digest);
        const { blobs } = await stack.client().pull(`${team}/second`, 'v1');
        expect(blobs.size).toBe(3);
      });

      it('pushes and pulls every tag of a repository at once', async () => {
        const name = `${team}/all`;
        for (const tag of ['a', 'b']) {
          await docker.importTar(tarArchive([{ path: 'tag', content: `${team} ${tag}` }]), `${name}:${tag}`);
        }
        await docker.pushAll(name);
        const ids = [(await docker.inspect(`${name}:a`)).Id, (await docker.inspect(`${name}:b`)).Id];
        await docker.removeImage(`${name}:a`, `${name}:b`);
        await docker.pullAll(name);
        expect([(await docker.inspect(`${name}:a`)).Id, (await docker.inspect(`${name}:b`)).Id]).toEqual(ids);
      });

      it('pushes a manifest list, and pulls the image of it that this machine runs', async () => {
        const [ours, other] = [
          anImage({ format: 'docker' }),
          anImage({ format: 'docker', platform: { os: 'linux', architecture: 's390x' } }),
        ];
        await stack.client().push(`${team}/list`, ours, 'ours');
        await stack.client().push(`${team}/list`, other, 'other');
        const digest = await docker.pushList(`${team}/list:v1`, [`${team}/list:other`, `${team}/list:ours`]);
        expect(await docker.pull(`${team}/list:v1`)).toBe(digest);
        expect((await docker.inspect(`${team}/list:v1`)).Id).toBe(ours.config.digest);
        const answer = (await stack.client().getManifest(`${team}/list`, 'v1')).expect(200);
        expect(answer.header('content-type')).toBe(MEDIA_TYPE.dockerList);
      });

      it('says that an unknown tag is not there', async () => {
        const result = await docker.try(['pull', docker.reference(`${team}/app:nowhere`)]);
        expect(result.code).not.toBe(0);
        expect(result.stderr).toMatch(/manifest.*(unknown|not found)|not found/i);
      });

      requireOrSkip('crane', findCrane().reason)('and crane', () => {
        it('pulls and runs what crane pushed', async () => {
          const crane = new Crane(stack.host);
          try {
            if (stack.credentials) await crane.login(stack.credentials.user, stack.credentials.password);
            const image = anImage({ layers: 3, busybox: true });
            writeOciLayout(crane.path('layout'), image);
            await crane.push(crane.path('layout'), `${team}/crane:v1`);
            expect(await docker.pull(`${team}/crane:v1`)).toBe(image.manifest.digest);
            expect((await docker.inspect(`${team}/crane:v1`)).Id).toBe(image.config.digest);
            expect(await docker.runContainer(`${team}/crane:v1`, '/bin/busybox', 'echo', 'hi')).toBe('hi\n');
          } finally {
            await crane.remove();
          }
        });
      });

      requireOrSkip('skopeo', findSkopeo().reason)('and skopeo', () => {
        it('pulls and runs what skopeo pushed, and skopeo copies out what docker pushed', async () => {
          const skopeo = new Skopeo(stack.host);
          try {
            if (stack.credentials) await skopeo.login(stack.credentials.user, stack.credentials.password);
            const image = anImage({ busybox: true });
            writeDirLayout(skopeo.path('in'), image);
            await skopeo.copy(`dir:${skopeo.path('in')}`, skopeo.remote(`${team}/skopeo:v1`));
            expect(await docker.pull(`${team}/skopeo:v1`)).toBe(image.manifest.digest);
            expect(await docker.runContainer(`${team}/skopeo:v1`, '/bin/busybox', 'echo', 'hi')).toBe('hi\n');

            await docker.run(['tag', docker.reference(`${team}/skopeo:v1`), docker.reference(`${team}/again:v1`)]);
            const digest = await docker.push(`${team}/again:v1`);
            expect((await skopeo.inspect(`${team}/again:v1`)).Digest).toBe(digest);
            await skopeo.copy(skopeo.remote(`${team}/again:v1`), `dir:${skopeo.path('out')}`);
            const { blobs } = await stack.client().pull(`${team}/again`, 'v1');
            expect([...blobs.keys()]).toContain(blobsOf(image)[0]!.digest);
          } finally {
            await skopeo.remove();
          }
        });
      });
    });
  });
});
