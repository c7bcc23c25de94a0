import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below those (32768 and up) that the kernel gives to outgoing connections: a service that is started again finds its
// port as it left it.
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS = 200;
const given = new Set();

/** A loopback port that nobody listens on now. Never given twice by the same process. */
export async function freePort() {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

function canListen(port) {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
