import {
  anImage,
  Crane,
  eventually,
  findCrane,
  GiveUp,
  processExists,
  requireOrSkip,
  writeOciLayout,
} from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const SERVICES =
  mode === 'standalone' ? ['standalone'] : ['gateway', 'auth', 'registry-v2', 'storage', 'manage', 'gc-worker'];
/** The push of these images takes a few seconds. */
const HANGS_AFTER = 45_000;
const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to kill' : (reasonAgainst(mode) ?? findCrane().reason);
const block = isForeignRegistry() ? describe.skip : requireOrSkip(`faults against ${mode}`, reason);

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

  it.each(SERVICES)('of %s during a push: the client pushes again, and all bytes are there', async (service) => {
    const image = anImage({ layers: 3, layerSize: 24_000_000 });
    const [layout, name] = [crane.path(`layout-${service}`), `faults/${service}`];
    writeOciLayout(layout, image);
    // An upload of which half has arrived, by a client that is not there again when the service is.
    const halfway = await stack.client().startUpload(`${name}-half`);
    (await halfway.patch(image.layers[0]!.bytes.subarray(0, 1_000_000), 0)).expect(202);

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
    await resumeOrMiss(halfway, image.layers[0]!.bytes, image.layers[0]!.digest);
  });

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

/**
 * What a client does on 503: it tries again. A service that was killed takes a moment until it serves, of which the
 * gateway's readiness knows nothing. Any other failure than 503 is one.
 */
async function onceAvailable<T>(action: () => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await eventually(
    async () => {
      try {
        return (result = { value: await action() });
      } catch (error) {
        if (/\b503\b/.test(String(error))) throw error;
        throw new GiveUp(String(error), { cause: error });
      }
    },
    { what: 'the registry serves again', within: 30_000, every: 500 },
  );
  return result!.value;
}

/** A half-done upload can be resumed where it stands, or it is cleanly gone. */
async function resumeOrMiss(
  session: Awaited<ReturnType<ReturnType<Stack['client']>['startUpload']>>,
  bytes: Buffer,
  digest: string,
): Promise<void> {
  const status = (await session.status()).expect(204, 404);
  if (status.status === 404) return;
  const last = Number(/^0-(\d+)$/.exec(status.header('range') ?? '')?.[1]);
  const have = last === 0 ? 0 : last + 1; // before any byte the answer is 0-0, too
  (await session.patch(bytes.subarray(have), have)).expect(202);
  (await session.finish(digest)).expect(201);
}
