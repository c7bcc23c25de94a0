import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { HealthChecks } from './health/health-checks.js';

/** How long a client may take to send its next request, where it was told that it may. */
const LINGER_MS = 2_000;

/**
 * While the process stops every answer says `Connection: close`, also one to a request that came before: clients go
 * elsewhere for the next. When the server closes, connections end as they fall idle, and none before its answer is out.
 */
export function endConnectionsOnStop(fastify: FastifyInstance, health: HealthChecks): void {
  const { server } = fastify;
  const answers = new Set<ServerResponse>();
  let closing = false;
  health.onStop(() => {
    for (const answer of answers) answer.shouldKeepAlive = false;
  });
  fastify.addHook('onRequest', (_request, { raw }, done) => {
    if (health.isStopping) raw.shouldKeepAlive = false;
    answers.add(raw);
    raw.once('close', () => {
      answers.delete(raw);
      // Its connection may have been promised to be kept: a next request finds it, and nobody else ends it.
      if (closing) setTimeout(() => server.closeIdleConnections(), LINGER_MS);
    });
    done();
  });
  fastify.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  // Node takes a connection for idle when its answer has ended, even where the client has not got all of it.
  const closeIdleConnections = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    const isOnItsWay = [...answers].some((answer) => answer.writableEnded && !answer.writableFinished);
    if (!isOnItsWay) closeIdleConnections();
  };
}
