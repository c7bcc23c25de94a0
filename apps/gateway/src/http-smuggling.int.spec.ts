import { GET_MANIFEST } from '@berth/contracts';
import { digestOf } from '@berth/oci';
import { exchangeBytes } from '@berth/testing';
import { answering } from '@berth/platform/testing';
import { type GatewayUnderTest, startGateway } from './testing/gateway-under-test.js';

jest.setTimeout(60_000);

const payload = Buffer.from('{"schemaVersion":2}');

describe('bytes that are no proper HTTP', () => {
  let gateway: GatewayUnderTest;
  let asked: unknown[];
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true' });
    asked = answering(gateway.bus, GET_MANIFEST, () => ({
      digest: digestOf(payload),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      size: payload.length,
      payload: payload.toString('base64'),
    }));
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    asked.length = 0;
  });

  /** The status lines of all answers. */
  async function answers(...lines: string[]): Promise<string[]> {
    const said = await exchangeBytes(gateway.host, lines.join('\r\n'), 500);
    return [...said.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status!);
  }
  const hidden = ['GET /v2/a/manifests/hidden HTTP/1.1', 'Host: x', 'Connection: close', '', ''].join('\r\n');
  const host = () => `Host: ${gateway.host}`;

  it('serves what is proper', async () => {
    expect(await answers('GET /v2/a/manifests/v1 HTTP/1.1', host(), 'Connection: close', '', '')).toEqual(['200']);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['Content-Length and Transfer-Encoding', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`],
    ['two lengths', ['Content-Length: 0', `Content-Length: ${hidden.length}`], hidden],
    ['a length that is none', ['Content-Length: +5'], hidden],
    ['a negative length', ['Content-Length: -1'], hidden],
    ['an unknown transfer coding behind chunked', ['Transfer-Encoding: chunked, x'], `0\r\n\r\n${hidden}`],
    ['an obscured transfer coding', ['Transfer-Encoding:\x0bchunked', 'Content-Length: 5'], `0\r\n\r\n${hidden}`],
    ['a folded header', ['X-Folded: one', ' two'], ''],
    ['a space before the colon', ['Content-Length : 5'], hidden],
    ['a header without a name', [': x'], ''],
    ['NUL in a header', ['X-Nul: a\0b'], ''],
    ['a bare carriage return in a header', ['X-Cr: a\rb'], ''],
  ])('refuses %s, closes, and serves nothing that is hidden behind', async (_what, headers, behind) => {
    const said = await answers('PUT /v2/a/manifests/v1 HTTP/1.1', host(), ...headers, '', behind);
    expect(said).toEqual(['400']);
    expect(asked).toEqual([]);
  });

  it.each([
    ['two hosts', [`Host: 127.0.0.1`, 'Host: evil.example']],
    ['one host twice', [`Host: 127.0.0.1`, 'hOST: 127.0.0.1']],
    ['no host', []],
  ])('does not take %s for a request of this host', async (_what, headers) => {
    const said = await answers('GET /v2/ HTTP/1.1', ...headers, 'Connection: close', '', '');
    expect(said).toEqual(['400']);
  });

  it('refuses chunks that are none', async () => {
    const head = ['PUT /v2/a/manifests/v1 HTTP/1.1', host(), 'Transfer-Encoding: chunked', ''];
    for (const chunk of ['zz\r\nabc', '-1\r\n', '5;\r\nab', 'fffffffffffffffff\r\n']) {
      const said = await answers(...head, `${chunk}\r\n${hidden}`);
      expect(said.filter((status) => status === '200' || status === '201')).toEqual([]);
    }
    expect(asked).toEqual([]);
  });

  it('reads a target that is a whole URL, whatever host it names', async () => {
    for (const target of [
      `http://${gateway.host}`,
      'http://evil.example',
      'HTTP://evil.example:1',
      'https://evil.example',
    ]) {
      const said = await answers(`GET ${target}/v2/a/manifests/v1 HTTP/1.1`, host(), 'Connection: close', '', '');
      expect([target, said]).toEqual([target, ['200']]);
    }
    expect(asked).toHaveLength(4);
    expect(asked).toEqual(
      Array(4).fill({ repository: 'library/a', reference: 'v1', known: expect.any(Array) as unknown }),
    );
  });

  it('refuses headers without end', async () => {
    const said = await answers('GET /v2/ HTTP/1.1', host(), `X-Long: ${'x'.repeat(20_000)}`, '', '');
    expect(said).toEqual(['431']);
  });

  it('answers a method that nobody knows, and a target that is none', async () => {
    for (const line of ['BREW /v2/ HTTP/1.1', 'GET /v2/ HTTP/9.9', 'GET  HTTP/1.1', 'nonsense']) {
      const [status] = await answers(line, host(), '', '');
      expect([line, status]).toEqual([line, '400']);
    }
    const [trace] = await answers('PROPFIND /v2/a/manifests/v1 HTTP/1.1', host(), 'Connection: close', '', '');
    expect(['404', '405']).toContain(trace);
  });
});
