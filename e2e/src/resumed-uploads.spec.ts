import { type Blob, eventually, processExists, randomBlob, requireOrSkip, UploadSession } from '@berth/testing';

import { onceAvailable } from './once-available.js';
import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const SERVICES =
  mode === 'standalone' ? ['standalone'] : ['gateway', 'auth', 'registry-v2', 'storage', 'manage', 'gc-worker'];
const MIB = 2 ** 20;
/** Chunks of no particular size: below, at and above what object stores take as a part. */
const CHUNKS = [1, 5 * MIB - 1, 5 * MIB + 1, 300_000, 8 * MIB];
const SIZE = 30 * MIB;
const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to kill' : reasonAgainst(mode);
const block = requireOrSkip(`resumed uploads against ${mode}`, reason);

block(`uploads that go on after kill -9 (${mode})`, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack(mode, {}, { 'registry-v2': 2, storage: 2 });
  });
  afterAll(() => stack?.stop());

  it.each(SERVICES)('of %s: at the byte that was acknowledged, by whichever replica', async (service) => {
    const [name, blob] = [`resumed/${service}`, randomBlob(SIZE)];
    const session = await stack.client().startUpload(name);
    let offset = 0;
    for (const size of CHUNKS) {
      (await session.patch(blob.bytes.subarray(offset, offset + size), offset)).expect(202);
      offset += size;
      if (size === CHUNKS[1] || size === CHUNKS.at(-1)) await killAll(stack, service);
      expect(await offsetOf(session)).toBe(offset);
      (await session.patch(Buffer.from('x'), offset + 1)).expect(416);
      expect(await offsetOf(session)).toBe(offset);
    }
    await finish(session, blob, offset);
    await expectPulled(stack, name, blob);
  });

  it.each(SERVICES)('of %s in the middle of a chunk: at the byte that it says', async (service) => {
    const [name, blob] = [`resumed/${service}-midway`, randomBlob(SIZE)];
    const session = await stack.client().startUpload(name);
    const acknowledged = 6 * MIB;
    (await session.patch(blob.bytes.subarray(0, acknowledged), 0)).expect(202);
    let killed: Promise<void> | undefined;
    const sent = 26 * MIB;
    const kill = () => (killed ??= killAll(stack, service));
    const { location } = session;
    const chunk = blob.bytes.subarray(acknowledged, sent);
    await session.stream(withPause(chunk, kill)).catch(() => undefined /* it may have ended with the service */);
    await killed;
    const again = new UploadSession(stack.client(), name, location);
    const offset = await offsetOf(again);
    expect(offset).toBeGreaterThanOrEqual(acknowledged);
    expect(offset).toBeLessThanOrEqual(sent);
    await finish(again, blob, offset);
    await expectPulled(stack, name, blob);
  });
});

/** In pieces, with the kill between the first half and the second. */
async function* withPause(bytes: Buffer, kill: () => Promise<void>): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += MIB) {
    if (at === 10 * MIB) await kill();
    yield bytes.subarray(at, at + MIB);
  }
}

/** kill -9 of every process of the service, and back: by the supervisor, or by hand in standalone. */
async function killAll(stack: Stack, service: string): Promise<void> {
  const pids = stack.processes()[service] ?? [];
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await eventually(() => !pids.some(processExists), { what: `${service} is gone` });
  if (mode === 'standalone') return stack.restart();
  await eventually(
    async () => {
      const states = await Promise.all(
        stack.addresses(service).map(async (at) => (await fetch(`${at}/readyz`)).status),
      );
      return states.every((status) => status === 200);
    },
    { what: `${service} is ready again`, within: 60_000 },
  );
  await stack.waitUntilReady();
}

async function offsetOf(session: UploadSession): Promise<number> {
  const answer = await onceAvailable(async () => (await session.status()).expect(204));
  return Number(/^0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]) + 1;
}

async function finish(session: UploadSession, blob: Blob, offset: number): Promise<void> {
  (await session.patch(blob.bytes.subarray(offset, -7), offset)).expect(202);
  (await session.finish(blob.digest, blob.bytes.subarray(-7))).expect(201);
}

async function expectPulled(stack: Stack, name: string, blob: Blob): Promise<void> {
  const { bytes } = await onceAvailable(async () => (await stack.client().getBlob(name, blob.digest)).expect(200));
  expect(bytes.equals(blob.bytes)).toBe(true);
}
