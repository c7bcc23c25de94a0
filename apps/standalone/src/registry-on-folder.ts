import { deployMigrations } from '@berth/metadata';
import { finishWithin, type Settings } from '@berth/platform';
import { DataFolder } from './data-folder.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { generatePassword, isFirstStart } from './first-start.js';
import { type Standalone, startStandalone } from './standalone.js';

/** A registry that runs on a data folder. */
export interface RegistryOnFolder {
  standalone: Standalone;
  folder: DataFolder;
  /** Null where BERTH_DATABASE_URL names another. */
  postgres: EmbeddedPostgres | null;
  firstStart: boolean;
  /** Of the user admin, where one was generated at this start. */
  generatedPassword: string | null;
  /** Whatever happens to the requests in flight, the database is not left behind. */
  stop(): Promise<void>;
}

/**
 * Starts the registry on the data folder of `settings`, whole or in part, and fills in what of them the folder has:
 * database, key, blobs. Throws where another process uses the folder; what it had started by then is ended.
 */
export async function startOnFolder(settings: Settings, start = startStandalone): Promise<RegistryOnFolder> {
  const folder = new DataFolder(settings.dataDir);
  let postgres: EmbeddedPostgres | null = null;
  const letGo = async () => {
    await postgres?.stop();
    folder.release();
  };
  try {
    if (settings.databaseUrl === undefined) postgres = await EmbeddedPostgres.start(folder.postgres);
    settings.databaseUrl ??= postgres!.url;
    settings.secretKey ??= folder.secretKey();
    settings.blobStore ??= 'filesystem';
    settings.dataDir = folder.path;
    await deployMigrations(settings.databaseUrl);
    const firstStart = await isFirstStart(settings.databaseUrl);
    const generatedPassword = firstStart && settings.adminPassword === undefined ? generatePassword() : null;
    if (generatedPassword !== null) settings.adminPassword = generatedPassword;
    const standalone = await start(settings).catch(async (error: unknown) => {
      // The account may have been made before the trouble came: its password is in nobody else's hands.
      if (generatedPassword !== null && !(await isFirstStart(settings.databaseUrl!))) {
        process.stderr.write(`user admin, password ${generatedPassword} (generated now and stored hashed)\n`);
      }
      throw error;
    });
    const stop = async () => {
      await finishWithin(settings.shutdownSeconds, standalone.stop(), () => standalone.cutOff());
      await letGo();
    };
    return { standalone, folder, postgres, firstStart, generatedPassword, stop };
  } catch (error) {
    await letGo();
    throw error;
  }
}
