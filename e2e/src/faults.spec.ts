import {
  anImage,
  type Blob,
  Crane,
  eventually,
  findCrane,
  processExists,
  requireOrSkip,
  type UploadSession,
  writeOciLayout,
} from '@berth/testing';

import { onceAvailable } from './once-available.js';
import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const SERVICES =
  mode === 'standalone' ? ['standalone'] : ['gateway', 'auth', 'registry-v2', 'storage', 'manage', 'gc-worker'];
/** The push of these images takes a few seconds, and half a minute on a busy machine. */
const HANGS_AFTER = 100_000;
const LIMIT_MS = 300_000;
const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to kill' : (reasonAgainst(mode) ?? findCrane().reason);
const block = requireOrSkip(`faults against ${mode}`, reason);

block(`kill -9 (${mode})`, () => {
  let stack: Stack;
  let crane: Crane;
  beforeAll(async () => {
    stack = await startStack();
    crane = new Crane(stack.host);
    await crane.login(stack.credentials!.user, stack.credentials!.password);
  });
  afterAll(async () => {
    await crane?.remove();
    await stack?.stop();
  });

  it.each(SERVICES)(
    'of %s during a push: the client pushes again, and all bytes are there',
    async (service) => {
      const image = anImage({ layers: 3, layerSize: 24_000_000 });
      const [layout, name] = [crane.path(`layout-${service}`), `faults/${service}`];
      writeOciLayout(layout, image);
      // An upload of which half has arrived, by a client that is not there again when the service is.
      const halfway = await stack.client().startUpload(`${name}-half`);
      const half = 1_000_000;
      (await halfway.patch(image.layers[0]!.bytes.subarray(0, half), 0)).expect(202);

      let killed: Promise<void> | undefined;
      const first = await crane.try(['push', layout, crane.reference(`${name}:v1`)], {
        timeout: HANGS_AFTER,
        // crane names each blob as it arrives; the small config is first, while layers are under way.
        onOutput: (text) => {
          if (text.includes('pushed blob')) killed ??= killOne(stack, service);
        },
      });
      if (first.code === null) throw new Error(`the push neither fails nor goes on after the kill:\n${first.stderr}`);
      expect(killed).toBeDefined();
      await killed;
      await recover(stack, service);

      expect(await onceAvailable(() => crane.push(layout, `${name}:v1`))).toBe(image.manifest.digest);
      await onceAvailable(() => stack.client().pullAndCompare(name, 'v1', image));
      await resume(halfway, image.layers[0]!, half);
    },
    LIMIT_MS,
  );

  it('leaves every image that was pushed before readable', async () => {
    const image = anImage({ layers: 2 });
    await stack.client().push('faults/before', image, 'v1');
    for (const service of SERVICES) {
      await killOne(stack, service);
      await recover(stack, service);
    }
    await onceAvailable(() => stack.client().pullAndCompare('faults/before', 'v1', image));
  });
});

async function killOne(stack: Stack, service: string): Promise<void> {
  const [pid] = stack.processes()[service] ?? [];
  if (!pid) throw new Error(`no process of ${service} is known: ${JSON.stringify(stack.processes())}`);
  process.kill(pid, 'SIGKILL');
  await eventually(() => !processExists(pid), { what: `${service} (${pid}) is gone` });
}

/** dev-distributed starts what has ended again, under another process id; standalone is started by hand. */
async function recover(stack: Stack, service: string): Promise<void> {
  if (mode === 'standalone') {
    await stack.restart();
    return;
  }
  await eventually(() => (stack.processes()[service] ?? []).every(processExists), {
    what: `${service} runs again`,
    within: 60_000,
  });
  await stack.waitUntilReady();
}

/** A half-done upload goes on at the byte that was acknowledged, whichever service was killed. */
async function resume(session: UploadSession, { bytes, digest }: Blob, acknowledged: number): Promise<void> {
  const status = await onceAvailable(async () => (await session.status()).expect(204));
  expect(status.header('range')).toBe(`0-${acknowledged - 1}`);
  (await session.patch(bytes.subarray(acknowledged), acknowledged)).expect(202);
  (await session.finish(digest)).expect(201);
}
