import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Settings, signOperatorToken } from '@berth/platform';
import { holderOf, isFirstStart, secretKeyOf, startOnFolder } from '@berth/standalone';
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

interface Place {
  url: string;
  close: () => Promise<void>;
}

/** Finds the registry, or starts it for this one command where nothing runs on its folder, and says who asks. */
export async function connect(settings: Settings, options: { url?: string; login?: string }): Promise<Connection> {
  const credentials = options.login === undefined ? null : passwordOf(options.login, settings);
  const place = await placeOf(settings, options.url ?? settings.url);
  try {
    if (credentials) {
      const { account, name, password } = credentials;
      return { ...(await IamClient.logIn(place.url, account, name, password)), close: place.close };
    }
    const key = settings.secretKey ?? secretKeyIn(settings.dataDir);
    const client = new IamClient(place.url, () => signOperatorToken(key, settings.tokenService));
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
  const account = slash < 0 ? FIRST_ACCOUNT : login.slice(0, slash);
  return { account, name: login.slice(slash + 1), password };
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
async function placeOf(settings: Settings, url: string | undefined): Promise<Place> {
  if (url !== undefined) return { url, close: async () => undefined };
  const { dataDir } = settings;
  for (const until = Date.now() + BUSY_MS; ; await delay(POLL_MS)) {
    const holder = holderOf(dataDir);
    if (holder?.address) return { url: reachable(holder.address), close: async () => undefined };
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

/** A registry that listens on every address of the machine is reached by the loopback one. */
const reachable = (address: string): string =>
  address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');

/** On a free loopback port, for as long as the command takes. Never makes a registry where there is none. */
async function startedFor(settings: Settings): Promise<Place> {
  const { dataDir, databaseUrl } = settings;
  const exists =
    databaseUrl === undefined ? existsSync(join(dataDir, 'postgres', 'PG_VERSION')) : await hasAccounts(databaseUrl);
  if (!exists) {
    throw new CliError(
      `there is no registry in ${resolve(dataDir)}: start it once, or name one by BERTH_DATA_DIR or --url`,
    );
  }
  const alone = { host: '127.0.0.1', internalHost: '127.0.0.1', port: 0, internalPort: 0, open: false } as const;
  const registry = await startOnFolder(Object.assign(settings, alone, { logLevel: 'silent' })).catch((error: Error) => {
    throw new CliError(error.message);
  });
  return { url: registry.standalone.address, close: () => registry.stop() };
}

/** False too where the database cannot be asked. */
const hasAccounts = async (databaseUrl: string): Promise<boolean> =>
  isFirstStart(databaseUrl).then(
    (first) => !first,
    () => false,
  );
