import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range (32768 and up) from which the kernel takes ports for outgoing connections,
// so that no client of a test running beside this one takes the port between the check and the use.
const FIRST = 20_000;
const LAST = 32_000;
const given = new Set<number>();

/** A loopback port that nobody listens on. Never given twice by the same process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(FIRST, LAST);
    if (!given.has(port) && (await canListen(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
