import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { AUTHENTICATE } from '@berth/contracts';
import { HashQueue } from './hash-queue.js';

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** Of the four threads that Node has for this, two are left to the files of a store in the same process. */
const queue = new HashQueue({ atOnce: 2, waiting: 20, longestWaitMs: AUTHENTICATE.timeoutMs });
const derive = (...hash: Parameters<typeof scryptAsync>) => queue.run(() => scryptAsync(...hash));

/** What is being verified, so that many clients that log in as one user at once cost one hash. */
const verifying = new Map<string, Promise<boolean>>();

/** 2^15 blocks of 8 take 32 MiB and some 60 ms: memory-hard, as RFC 7914 means it. */
const COST = { N: 2 ** 15, r: 8, p: 1 };
const KEY_BYTES = 32;
const PHC = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
const options = (N: number, r: number, p: number) => ({ N, r, p, maxmem: 256 * N * r });

/** A salted scrypt hash in PHC string form, its parameters with it. TOOMANYREQUESTS where too many are asked for. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_BYTES, options(COST.N, COST.r, COST.p));
  return `$scrypt$ln=${Math.log2(COST.N)},r=${COST.r},p=${COST.p}$${unpadded(salt)}$${unpadded(key)}`;
}

/** Takes as long for a wrong password as for the right one. TOOMANYREQUESTS where too many are asked for. */
export function verifyPassword(password: string, hash: string): Promise<boolean> {
  const question = `${hash} ${password}`;
  const asked = verifying.get(question) ?? verify(password, hash).finally(() => verifying.delete(question));
  verifying.set(question, asked);
  return asked;
}

async function verify(password: string, hash: string): Promise<boolean> {
  const [, ln, r, p, salt, key] = PHC.exec(hash) ?? [];
  if (!salt || !key) throw new Error('a stored password hash is not a PHC string');
  const expected = Buffer.from(key, 'base64');
  const N = 2 ** Number(ln);
  const given = await derive(password, Buffer.from(salt, 'base64'), expected.length, options(N, Number(r), Number(p)));
  return timingSafeEqual(given, expected);
}
