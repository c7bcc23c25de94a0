import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ObjectBody } from '@berth/blob-store';
import { RegistryError, registryError } from '@berth/oci';
import { eventually, freePort } from '@berth/testing';
import { HttpBlobTransport } from './http-blob-transport.js';
import { StorageGone } from './storage-gone.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

describe(HttpBlobTransport, () => {
  let server: Server;
  let handler: Handler;
  let base: string;
  let transport: HttpBlobTransport;
  const failures: unknown[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      Promise.resolve(handler(request, response)).catch((error: unknown) => failures.push(error));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  beforeEach(() => {
    transport = new HttpBlobTransport();
  });
  afterEach(async () => {
    await transport.close();
    expect(failures.splice(0)).toEqual([]);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function contentOf(body: ObjectBody): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  const json = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const failureOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => null,
      (error: unknown) => error,
    );

  it('sends the bytes as a stream and gives the offset', async () => {
    let received = Buffer.alloc(0);
    handler = async (request, response) => {
      expect(request.method).toBe('POST');
      received = await buffer(request);
      json(response, 200, { offset: received.length });
    };
    const chunks = [Buffer.from('ab'), Buffer.from('cde')];
    expect(await transport.append(`${base}/data/uploads/g`, Readable.from(chunks))).toEqual({ offset: 5 });
    expect(received.toString()).toBe('abcde');
  });

  it('reads the whole object, or a range of it', async () => {
    const ranges: (string | undefined)[] = [];
    handler = (request, response) => {
      ranges.push(request.headers.range);
      response.writeHead(request.headers.range ? 206 : 200).end('0123456789');
    };
    expect((await contentOf(await transport.read(`${base}/data/objects/g`))).toString()).toBe('0123456789');
    await contentOf(await transport.read(`${base}/data/objects/g`, { start: 3, end: 7 }));
    expect(ranges).toEqual([undefined, 'bytes=3-7']);
  });

  it('throws what storage said, code, status, message and detail', async () => {
    const said = registryError('BLOB_UPLOAD_INVALID', { offset: 7 }, { status: 416, message: 'not there' });
    handler = async (request, response) => {
      await buffer(request);
      json(response, said.status, said.toWire());
    };
    for (const attempt of [
      () => transport.append(`${base}/data/uploads/g`, Readable.from([Buffer.from('x')])),
      () => transport.read(`${base}/data/objects/g`),
    ]) {
      const error = await failureOf(attempt());
      expect(error).toBeInstanceOf(RegistryError);
      expect(error).toMatchObject({ code: said.code, status: 416, message: 'not there', detail: { offset: 7 } });
    }
  });

  it('throws what storage says before the body has ended, and reads no more of it', async () => {
    const said = registryError('SIZE_INVALID', { limit: 1 }, { status: 413 });
    handler = async (request, response) => {
      await once(request, 'data');
      request.resume();
      json(response, said.status, said.toWire());
    };
    let released = false;
    const endless = (async function* () {
      try {
        for (;;) yield await new Promise<Buffer>((resolve) => setImmediate(resolve, Buffer.alloc(10_000)));
      } finally {
        released = true;
      }
    })();
    expect(await failureOf(transport.append(`${base}/data/uploads/g`, endless))).toMatchObject({
      code: 'SIZE_INVALID',
      status: 413,
    });
    await eventually(() => released, { what: 'the sender is let go' });
  });

  it('is UNAVAILABLE where the answer is not of storage', async () => {
    handler = (_request, response) => void response.writeHead(502).end('<html>bad gateway</html>');
    expect(await failureOf(transport.read(`${base}/x`))).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    handler = (_request, response) => void json(response, 500, { statusCode: 500, message: 'secret' });
    const error = await failureOf(transport.read(`${base}/x`));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect((error as Error).message).not.toContain('secret');
  });

  it('is UNAVAILABLE where nobody listens', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    expect(await failureOf(transport.read(`${nobody}/x`))).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    const body = Readable.from([Buffer.from('x')]);
    expect(await failureOf(transport.append(`${nobody}/x`, body))).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
  });

  it('says that storage is gone where it had nothing and gave nothing: another process may be asked', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    expect(await failureOf(transport.read(`${nobody}/x`))).toBeInstanceOf(StorageGone);
    const unused = (async function* () {
      yield Buffer.from('whole');
    })();
    expect(await failureOf(transport.append(`${nobody}/x`, unused))).toBeInstanceOf(StorageGone);
    let received = '';
    handler = async (request, response) => {
      received = (await buffer(request)).toString();
      json(response, 200, { offset: 5 });
    };
    expect(await transport.append(`${base}/x`, unused)).toEqual({ offset: 5 });
    expect(received).toBe('whole');
  });

  it('does not say so of a process that dies with bytes in its hands', async () => {
    handler = (request) => void request.once('data', () => request.socket.destroy());
    const error = await failureOf(transport.append(`${base}/x`, Readable.from([Buffer.alloc(100_000)])));
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect(error).not.toBeInstanceOf(StorageGone);
  });

  it('is UNAVAILABLE where a read is taken and never answered; an append may wait', async () => {
    const impatient = new HttpBlobTransport(50);
    const unanswered: (() => void)[] = [];
    handler = async (request, response) => {
      await buffer(request);
      unanswered.push(() => void json(response, 200, { offset: 1 }));
    };
    const append = impatient.append(`${base}/x`, Readable.from([Buffer.from('x')]));
    await eventually(() => unanswered.length === 1, { what: 'storage has the bytes' });
    const error = await failureOf(impatient.read(`${base}/x`));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', status: 503, cause: { code: 'UND_ERR_HEADERS_TIMEOUT' } });
    expect(error).not.toBeInstanceOf(StorageGone);
    unanswered[0]!();
    expect(await append).toEqual({ offset: 1 });
    await impatient.close();
  });

  it('is UNAVAILABLE where the process dies before it has answered', async () => {
    handler = (request) => void request.socket.destroy();
    expect(await failureOf(transport.read(`${base}/x`))).toMatchObject({ code: 'UNAVAILABLE' });
    const body = Readable.from([Buffer.alloc(100_000)]);
    expect(await failureOf(transport.append(`${base}/x`, body))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('breaks the body, and does not end it, where the process dies in the middle of a read', async () => {
    handler = (request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write(Buffer.alloc(100_000), () => request.socket.destroy());
    };
    const body = await transport.read(`${base}/x`);
    expect(await failureOf(contentOf(body))).not.toBeNull();
  });

  it('breaks the request to storage when the client goes away, so that storage knows the end from an end', async () => {
    let begun = false;
    const ended: string[] = [];
    handler = async (request) => {
      request.once('data', () => (begun = true));
      await buffer(request).then(
        () => ended.push('complete'),
        () => ended.push('broken'),
      );
    };
    const client = new PassThrough();
    const attempt = failureOf(transport.append(`${base}/x`, client));
    client.write(Buffer.alloc(10_000));
    await eventually(() => begun, { what: 'storage has the first bytes' });
    client.destroy(new Error('the client went away'));
    expect(await attempt).toBeInstanceOf(RegistryError);
    await eventually(() => ended.length > 0, { what: 'storage sees the end' });
    expect(ended).toEqual(['broken']);
  });

  it('ends the read at storage when the client stops reading', async () => {
    let closed = false;
    handler = (_request, response) => {
      response.once('close', () => (closed = true));
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(65_536);
        })(),
      ).pipe(response);
    };
    const body = await transport.read(`${base}/x`);
    const chunks = body[Symbol.asyncIterator]();
    await chunks.next();
    body.destroy();
    await chunks.next().catch(() => undefined);
    await eventually(() => closed, { what: 'the read at storage has ended' });
  });
});
