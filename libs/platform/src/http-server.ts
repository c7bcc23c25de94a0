import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLogger } from './logging/logger.js';
import type { ServiceHost } from './service-host.js';

const MAX_PARAM_LENGTH = 8_192;
const IDLE_SOCKET_MS = 120_000;
const KEEP_ALIVE_MS = 75_000;

/** Bodies are never parsed here: they reach the handler as streams, whatever their type says, and it decides how much it reads. */
export async function createHttpApp(host: ServiceHost, module: DynamicModule): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    connectionTimeout: IDLE_SOCKET_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // What arrives on an open connection while we stop is served, with Connection: close.
    return503OnClosing: false,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: new NestLogger(host.logger),
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request: unknown, payload: unknown, done: (error: null, body: unknown) => void) =>
    done(null, payload),
  );
  return app;
}

/** The address that an app listens on, as a URL. */
export async function listen(app: NestFastifyApplication, port: number, hostname: string): Promise<string> {
  await app.listen(port, hostname);
  const address = app.getHttpServer().address() as { port: number };
  return `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${address.port}`;
}
