import { randomInt } from 'node:crypto';
import { AccountStore, Database } from '@berth/metadata';

/** Without letters and digits that look alike. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 20;

/** True where this database has no account yet, so that the password of `admin` is about to be set. */
export async function isFirstStart(databaseUrl: string): Promise<boolean> {
  const database = new Database({ url: databaseUrl, poolSize: 1, applicationName: 'berth first start' });
  try {
    return !(await new AccountStore(database).isInitialised());
  } finally {
    await database.close();
  }
}

export const generatePassword = (): string =>
  Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
