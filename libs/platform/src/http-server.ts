import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { errorEnvelope, registryError } from '@berth/oci';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { endConnectionsOnStop } from './end-connections-on-stop.js';
import { NestLogger } from './logging/logger.js';
import type { ServiceHost } from './service-host.js';

const MAX_PARAM_LENGTH = 8_192;
const KEEP_ALIVE_MS = 75_000;
/** How long somebody who was refused may take to read why. */
const LINGER_MS = 1_000;

/**
 * A client may take as long as it likes, as long as it does not fall silent: the bound is on idleness, and on the time in
 * which the headers of a request must be here. What is no HTTP is answered in the registry's dialect.
 *
 * Bodies are never parsed here: they reach the handler as streams, whatever their type says, and it decides how much
 * it reads.
 */
export async function createHttpApp(
  host: Pick<ServiceHost, 'settings' | 'logger' | 'health'>,
  module: DynamicModule,
): Promise<NestFastifyApplication> {
  const { httpHeadersSeconds, httpIdleSeconds } = host.settings;
  const headersTimeout = httpHeadersSeconds * 1000;
  const adapter = new FastifyAdapter({
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: { headersTimeout, connectionsCheckingInterval: headersTimeout / 4 },
    connectionTimeout: httpIdleSeconds * 1000,
    clientErrorHandler: refuse,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // What arrives on an open connection while we stop is served, with Connection: close.
    return503OnClosing: false,
    // A path that cannot be decoded would end before any hook: neither counted nor logged.
    rewriteUrl: ({ url = '' }) => (isDecodable(url) ? url : url.replaceAll('%', '%25')),
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: new NestLogger(host.logger),
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  endConnectionsOnStop(fastify, host.health);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request: unknown, payload: unknown, done: (error: null, body: unknown) => void) =>
    done(null, payload),
  );
  fastify.addHook('onRequest', (request, reply, done) => {
    // RFC 9112 section 3.2: who writes a second one may mean another host with it than we do.
    if (hostsOf(request.raw) > 1) return done(registryError('UNSUPPORTED', undefined, TWO_HOSTS));
    // While a client waits for us, silence is not its own: only what it should send or read now is waited for in vain.
    reply.raw.on('timeout', (socket: Socket) => {
      // Node pauses a socket while more of the body has come than has been read.
      const shouldSend = !request.raw.complete && !socket.isPaused();
      if (shouldSend || reply.raw.headersSent) return socket.destroy();
      // The time that is over begins anew only with bytes: a sender that falls silent later is to be noticed too.
      return socket.setTimeout(socket.timeout ?? 0);
    });
    done();
  });
  // Behind the hooks that count and log, and before any handler.
  fastify.addHook('preValidation', (request, reply, done) => {
    if (isDecodable(request.originalUrl)) return done();
    void reply.status(UNDECODABLE.status).send(errorEnvelope(UNDECODABLE));
  });
  return app;
}

const UNDECODABLE = registryError('NAME_INVALID', undefined, {
  message: 'the path is not percent-encoded as it must be',
});

/** The path alone: what a query means is its reader's. */
function isDecodable(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

const TWO_HOSTS = { status: 400, message: 'the request has more than one Host' };

function hostsOf({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    if (rawHeaders[n]!.length === 4 && rawHeaders[n]!.toLowerCase() === 'host') hosts++;
  }
  return hosts;
}

const STATUS_OF_FAULT: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Node's own name for the answer that a socket is busy with. */
interface AnsweringSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

/** The answer to bytes that are no request, or none in time, and the end of their connection. */
function refuse({ code }: { code: string }, socket: AnsweringSocket): void {
  // What still arrives behind a refusal is an error again.
  if (socket.writableEnded) return;
  if (code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) return void socket.destroy();
  const status = STATUS_OF_FAULT[code] ?? 400;
  const message = STATUS_CODES[status]!.toLowerCase();
  const body = JSON.stringify(errorEnvelope(registryError('UNSUPPORTED', undefined, { status, message })));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  // Closed at once, with bytes still unread, the answer would be lost on its way.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** The address that an app listens on, as a URL. */
export async function listen(app: NestFastifyApplication, port: number, hostname: string): Promise<string> {
  await app.listen(port, hostname);
  const address = app.getHttpServer().address() as { port: number };
  return `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${address.port}`;
}
