import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { FIND_BLOB, GRANT_APPEND, LIST_TAGS, PUT_MANIFEST, type PutManifestV1 } from '@berth/contracts';
import { digestOf } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { eventually, exchange, exchangeBytes } from '@berth/testing';
import { type GatewayUnderTest, startGateway } from './testing/gateway-under-test.js';

jest.setTimeout(60_000);

const MANIFEST = '/v2/a/manifests/v1';
const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const STORED = digestOf(Buffer.from('{}'));
/** Several chunks of it come before and behind the limit of a manifest. */
const MANY_BYTES = 200_000;

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('HTTP that is large or odd', () => {
  let gateway: GatewayUnderTest;
  let put: PutManifestV1[];
  let tags: unknown[];
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true', BERTH_MAX_MANIFEST_BYTES: '100000' });
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    put = answering(gateway.bus, PUT_MANIFEST, () => ({ digest: STORED, subject: null }));
    tags = answering(gateway.bus, LIST_TAGS, () => ({ tags: [], more: false }));
    answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 }));
  });

  const host = () => `Host: ${gateway.host}`;
  const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status!);
  const say = (...lines: string[]) => exchangeBytes(gateway.host, lines.join('\r\n'), 700);
  const answers = async (...lines: string[]) => statusesIn(await say(...lines));
  const NEXT = () => ['GET /v2/ HTTP/1.1', host(), 'Connection: close', '', ''].join('\r\n');

  it.each([
    ['a target', (x: string) => [`GET /v2/a/tags/list?last=${x} HTTP/1.1`, host(), '', '']],
    ['a name', (x: string) => [`GET /v2/${x}/tags/list HTTP/1.1`, host(), '', '']],
    ['a header', (x: string) => ['GET /v2/ HTTP/1.1', host(), `X-Long: ${x}`, '', '']],
    ['a token', (x: string) => ['GET /v2/ HTTP/1.1', host(), `Authorization: Bearer ${x}`, '', '']],
    ['many headers', (x: string) => ['GET /v2/ HTTP/1.1', host(), ...x.match(/.{10}/g)!.map((y) => `X: ${y}`), '', '']],
  ])('refuses %s of 100 kB in the registry’s dialect, and closes', async (_what, lines) => {
    const said = await say(...lines('x'.repeat(100_000)));
    expect(statusesIn(said)).toEqual(['431']);
    expect(said).toContain('Connection: close');
    expect(JSON.parse(said.slice(said.indexOf('\r\n\r\n')))).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
    expect(tags).toEqual([]);
  });

  it('takes a target of 15 kB, and asks for no more than matters of it', async () => {
    const query = `last=${'x'.repeat(7_000)}&${'n=2&'.repeat(1_900)}n=999`;
    const answer = await exchange({ method: 'GET', url: `${gateway.address}/v2/a/tags/list?${query}` });
    expect(answer.status).toBe(200);
    expect(tags).toEqual([{ repository: 'library/a', after: 'x'.repeat(256), limit: 2 }]);
  });

  it('takes an n of 10,000 digits for the largest page', async () => {
    const answer = await exchange({ method: 'GET', url: `${gateway.address}/v2/a/tags/list?n=${'9'.repeat(10_000)}` });
    answer.expect(200);
    expect(tags).toMatchObject([{ limit: 10_000 }]);
  });

  describe('a manifest', () => {
    it.each(['gzip', 'GZIP', 'identity, gzip', 'nonsense'])('with Content-Encoding %s is refused', async (encoding) => {
      const url = `${gateway.address}${MANIFEST}`;
      const headers = { 'content-encoding': encoding };
      const answer = await exchange({ method: 'PUT', url, headers, body: gzipSync('{}') });
      expect(answer.expect(415).codes).toEqual(['UNSUPPORTED']);
      expect(put).toEqual([]);
      (await exchange({ method: 'PUT', url, headers: { 'content-encoding': 'Identity' }, body: '{}' })).expect(201);
    });

    it('that does not say how large it is, and is too large, is refused, and the connection serves on', async () => {
      const head = [`PUT ${MANIFEST} HTTP/1.1`, host(), 'Transfer-Encoding: chunked', '', ''].join('\r\n');
      const body = chunk('x'.repeat(1_000)).repeat(MANY_BYTES / 1_000) + '0\r\n\r\n';
      expect(await answers(head + body + NEXT())).toEqual(['413', '200']);
      expect(put).toEqual([]);
    });

    it('that says that it is too large is refused before it is read, and the connection serves on', async () => {
      const head = [`PUT ${MANIFEST} HTTP/1.1`, host(), `Content-Length: ${MANY_BYTES}`, '', ''].join('\r\n');
      expect(await answers(head)).toEqual(['413']);
      expect(await answers(head + 'x'.repeat(MANY_BYTES) + NEXT())).toEqual(['413', '200']);
      expect(put).toEqual([]);
    });

    it('that ends early is none, and neither is one whose sender hangs up', async () => {
      const head = [`PUT ${MANIFEST} HTTP/1.1`, host(), 'Content-Length: 100', '', '{}'].join('\r\n');
      expect(await halfClosed(head)).toEqual(['400']);
      expect(put).toEqual([]);
    });

    it('is waited for by who expects to be told to send it', async () => {
      const head = [`PUT ${MANIFEST} HTTP/1.1`, host(), 'Expect: 100-continue', 'Content-Length: 2', ''];
      expect(await answers(...head, '')).toEqual(['100']);
      expect(put).toEqual([]);
      expect(await answers(...head, '{}' + NEXT())).toEqual(['100', '201', '200']);
      expect(put).toHaveLength(1);
    });
  });

  it('refuses another expectation', async () => {
    const head = [`PUT ${MANIFEST} HTTP/1.1`, host(), 'Expect: a miracle', 'Content-Length: 2', '', '{}'];
    expect(await answers(...head)).toEqual(['417']);
    expect(put).toEqual([]);
  });

  it('takes the bytes of a blob as they are sent, whatever they are packed in', async () => {
    const url = `${gateway.address}/v2/a/blobs/uploads/${SESSION}`;
    const packed = gzipSync('bytes');
    const headers = { 'content-encoding': 'gzip' };
    (await exchange({ method: 'PATCH', url, headers, body: packed })).expect(202);
    expect(gateway.transport.appended.at(-1)!.bytes.equals(packed)).toBe(true);
  });

  /** Says it and then that nothing follows, and hears what is answered. */
  const halfClosed = (bytes: string) =>
    new Promise<string[]>((resolve, reject) => {
      const [address, port] = gateway.host.split(':');
      const socket = connect({ host: address, port: Number(port), allowHalfOpen: true }, () => socket.end(bytes));
      let said = '';
      socket.on('data', (data) => (said += data.toString()));
      socket.once('error', reject);
      socket.once('close', () => resolve(statusesIn(said)));
      socket.once('end', () => socket.destroy());
    });

  it('answers who has said that it will say no more', async () => {
    expect(await halfClosed(['GET /v2/ HTTP/1.1', host(), '', ''].join('\r\n'))).toEqual(['200']);
  });
});

describe('HTTP that is slow', () => {
  let gateway: GatewayUnderTest;
  let put: PutManifestV1[];
  beforeAll(async () => {
    gateway = await startGateway({
      BERTH_OPEN: 'true',
      BERTH_HTTP_HEADERS_SECONDS: '1',
      BERTH_HTTP_IDLE_SECONDS: '1',
    });
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    put = answering(gateway.bus, PUT_MANIFEST, () => ({ digest: STORED, subject: null }));
  });

  /** Sends a piece every so often until the other side closes; gives what it said, and how long it took. */
  async function dribble(pieces: string[], everyMs: number): Promise<{ said: string; seconds: number }> {
    const [address, port] = gateway.host.split(':');
    const started = Date.now();
    const socket = connect({ host: address, port: Number(port) });
    let said = '';
    socket.on('data', (data) => (said += data.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    for (const piece of pieces) {
      if (socket.destroyed || socket.writableEnded) break;
      socket.write(piece);
      await Promise.race([pause(everyMs), closed]);
    }
    await closed;
    return { said, seconds: (Date.now() - started) / 1_000 };
  }

  it('headers that never end are refused in time, however steadily they come', async () => {
    const headers = Array.from({ length: 100 }, (_, n) => `X-${n}: y\r\n`);
    const { said, seconds } = await dribble(['GET /v2/ HTTP/1.1\r\nHost: x\r\n', ...headers], 100);
    expect(said).toMatch(/^HTTP\/1\.1 408 .*"code":"UNSUPPORTED"/s);
    expect(seconds).toBeLessThan(5);
  });

  it('a connection on which nothing is said ends', async () => {
    expect((await dribble([], 0)).seconds).toBeLessThan(5);
  });

  it('a body whose sender falls silent ends its connection, and stores nothing', async () => {
    const head = `PUT ${MANIFEST} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`;
    const { seconds } = await dribble([head], 0);
    expect(seconds).toBeLessThan(5);
    expect(put).toEqual([]);
  });

  it('a body that goes on takes as long as it takes', async () => {
    const body = '{"schemaVersion":2}'.split('');
    const head = `PUT ${MANIFEST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    const { said, seconds } = await dribble([head, ...body], 150);
    expect(said).toMatch(/^HTTP\/1\.1 201 /);
    expect(seconds).toBeGreaterThan(2);
    expect(Buffer.from(put[0]!.payload, 'base64').toString()).toBe(body.join(''));
  });

  it('an answer that takes us long is waited for: the silence is ours', async () => {
    answering(gateway.bus, LIST_TAGS, async () => {
      await pause(2_500);
      return { tags: [], more: false };
    });
    (await exchange({ method: 'GET', url: `${gateway.address}/v2/a/tags/list` })).expect(200);
  });

  describe('a body that we do not read on', () => {
    const BODY = 4 * 2 ** 20;
    const url = () => `${gateway.address}/v2/a/blobs/uploads/${SESSION}`;
    beforeEach(() => answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 })));
    afterEach(() => jest.restoreAllMocks());

    it('because the store does not, or auth, is waited for: the silence is ours', async () => {
      const append = gateway.transport.append.bind(gateway.transport);
      jest.spyOn(gateway.transport, 'append').mockImplementation(async (grant, body) => {
        const [first] = [await body[Symbol.asyncIterator]().next()];
        await pause(2_500);
        const { offset } = await append(grant, body);
        return { offset: offset + (first.value as Uint8Array).length };
      });
      const answer = await exchange({ method: 'PATCH', url: url(), body: Buffer.alloc(BODY) });
      expect(answer.expect(202).header('range')).toBe(`0-${BODY - 1}`);
    });

    // As much as is taken before it is read, and more.
    it.each([65_536, BODY / 2])('and of which then no more comes than %s bytes ends its connection', async (sent) => {
      const append = gateway.transport.append.bind(gateway.transport);
      jest.spyOn(gateway.transport, 'append').mockImplementation(async (grant, body) => {
        await pause(2_500);
        return append(grant, body);
      });
      const head = `PATCH /v2/a/blobs/uploads/${SESSION} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY}\r\n\r\n`;
      const { said, seconds } = await dribble([head, 'x'.repeat(sent)], 100);
      expect(said).not.toContain('HTTP/1.1 2');
      expect(seconds).toBeGreaterThan(2.5);
      expect(seconds).toBeLessThan(10);
    });
  });

  it('an answer that is not read ends its connection', async () => {
    const blob = Buffer.alloc(32 * 2 ** 20);
    const digest = digestOf(blob);
    gateway.transport.objects.set('objects/one', blob);
    answering(gateway.bus, FIND_BLOB, () => ({ digest, size: blob.length, objectKey: 'objects/one' }));
    const [address, port] = gateway.host.split(':');
    let ended = false;
    const server = gateway.app.getHttpServer();
    server.once('connection', (socket) => socket.once('close', () => (ended = true)));
    const reader = connect({ host: address, port: Number(port) });
    reader.on('error', () => undefined);
    reader.write(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
    reader.pause();
    await eventually(() => ended, { what: 'its connection has ended' });
    reader.destroy();
  });
});
