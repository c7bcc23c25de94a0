import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inOneSentence, type Settings, signOperatorToken } from '@berth/platform';
import { holderOf, secretKeyOf, startIdentity, startOnFolder } from '@berth/standalone';
import { CliError } from './cli-error.js';
import { IamClient } from './iam-client.js';

/** The account that the first start makes, which a login without an account means. */
const FIRST_ACCOUNT = 'admin';
/** How long somebody may use the folder without saying where they answer. */
const BUSY_MS = 30_000;
const POLL_MS = 100;

export interface Connection {
  client: IamClient;
  /** Who logged in by password; null where the key speaks for the operator. */
  user: { id: string; name: string } | null;
  close: () => Promise<void>;
}

export interface ConnectOptions {
  url?: string;
  login?: string;
  /** Ends every wait and request; what was started is stopped before `connect` throws. */
  signal: AbortSignal;
}

interface Place {
  url: string;
  /** Whether what answers there is the registry of the data folder, which knows the folder's key already. */
  ofFolder: boolean;
  close: () => Promise<void>;
}

/** Finds the registry, or starts it for this one command where nothing runs on its folder, and says who asks. */
export async function connect(settings: Settings, { url, login, signal }: ConnectOptions): Promise<Connection> {
  const credentials = login === undefined ? null : passwordOf(login, settings);
  const place = await placeOf(settings, url ?? settings.url, signal);
  try {
    signal.throwIfAborted();
    if (credentials) {
      const { account, name, password } = credentials;
      return { ...(await IamClient.logIn(place.url, account, name, password, signal)), close: place.close };
    }
    const key = settings.secretKey ?? folderKey(place, settings.dataDir);
    const client = new IamClient(place.url, () => signOperatorToken(key, settings.tokenService), signal);
    return { client, user: null, close: place.close };
  } catch (error) {
    await place.close();
    throw error;
  }
}

/** `account/user`, or a user of the first account: as docker login has it. */
function passwordOf(login: string, { password }: Settings): { account: string; name: string; password: string } {
  if (password === undefined) throw new CliError('--login needs the password in BERTH_PASSWORD');
  const slash = login.indexOf('/');
  const [account, name] = slash < 0 ? [FIRST_ACCOUNT, login] : [login.slice(0, slash), login.slice(slash + 1)];
  if (!account || !name) throw new CliError(`--login is USER or ACCOUNT/USER, not ${login}`);
  return { account, name, password };
}

/** Nobody else is given a token of it: who has one is the operator for a minute. */
function folderKey({ url, ofFolder }: Place, dataDir: string): string {
  if (ofFolder) return secretKeyIn(dataDir);
  throw new CliError(
    `${url} is not the registry of ${resolve(dataDir)}: set its BERTH_SECRET_KEY, or log in with --login`,
  );
}

function secretKeyIn(dataDir: string): string {
  const key = readable(dataDir);
  if (key !== null) return key;
  throw new CliError(
    `there is no key of the registry in ${resolve(dataDir)}: set BERTH_SECRET_KEY or BERTH_DATA_DIR, or log in with --login`,
  );
}

function readable(dataDir: string): string | null {
  try {
    return secretKeyOf(dataDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(`the key of the registry in ${resolve(dataDir)} cannot be read (${code})`);
  }
}

/** Waits for a registry that starts just now, and for another command that has the folder for itself. */
async function placeOf(settings: Settings, url: string | undefined, signal: AbortSignal): Promise<Place> {
  const { dataDir } = settings;
  if (url !== undefined) return { url, ofFolder: isAddressOf(dataDir, url), close: async () => undefined };
  for (const until = Date.now() + BUSY_MS; ; await delay(POLL_MS, undefined, { signal })) {
    const holder = holderOf(dataDir);
    if (holder?.address) return { url: reachable(holder.address), ofFolder: true, close: async () => undefined };
    if (!holder) {
      const started = await startedFor(settings).catch((error: Error) => {
        // Somebody else was faster.
        if (holderOf(dataDir) === null) throw error;
      });
      if (started) return started;
    } else if (Date.now() > until) {
      const folder = resolve(dataDir);
      throw new CliError(
        `process ${holder.pid} uses the data folder ${folder} and does not say where it answers: name it by --url`,
      );
    }
  }
}

function isAddressOf(dataDir: string, url: string): boolean {
  const named = URL.parse(url);
  if (!named || !/^https?:$/.test(named.protocol)) throw new CliError(`--url must be http:// or https://, not ${url}`);
  const address = holderOf(dataDir)?.address;
  return !!address && new URL(reachable(address)).origin === named.origin;
}

/** A registry that listens on every address of the machine is reached by the loopback one. */
const reachable = (address: string): string =>
  address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');

/**
 * Auth and the gateway on a free loopback port, for as long as the command takes. Never makes a registry where there is
 * none. Whether others run on a database of BERTH_DATABASE_URL cannot be seen: there the registry has to be named.
 */
async function startedFor(settings: Settings): Promise<Place> {
  const { dataDir, databaseUrl } = settings;
  if (databaseUrl !== undefined) {
    throw new CliError(
      'BERTH_DATABASE_URL is set, so the command starts nothing: start the registry, and name it by --url or BERTH_URL',
    );
  }
  if (!existsSync(join(dataDir, 'postgres', 'PG_VERSION'))) {
    throw new CliError(
      `there is no registry in ${resolve(dataDir)}: start it once, or name one by BERTH_DATA_DIR or --url`,
    );
  }
  const alone = { host: '127.0.0.1', internalHost: '127.0.0.1', port: 0, internalPort: 0, open: false } as const;
  const own = Object.assign(settings, alone, { logLevel: 'silent' });
  const registry = await startOnFolder(own, startIdentity).catch((error: Error) => {
    throw new CliError(inOneSentence(error));
  });
  return { url: registry.standalone.address, ofFolder: true, close: () => registry.stop() };
}
