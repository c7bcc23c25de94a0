import { deployMigrations } from '@berth/metadata';
import { loadSettings, runUntilStopped, type Settings } from '@berth/platform';
import { setTimeout as delay } from 'node:timers/promises';
import { DataFolder } from './data-folder.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { generatePassword, isFirstStart } from './first-start.js';
import { startStandalone } from './standalone.js';
import { welcome } from './welcome.js';

/** What PostgreSQL gets on top, to end its connections and write a checkpoint. */
const DATABASE_SECONDS = 15;

await runUntilStopped('berth', async () => {
  const settings = loadSettings(process.env);
  const folder = new DataFolder(settings.dataDir);
  const postgres = settings.databaseUrl === undefined ? await EmbeddedPostgres.start(folder.postgres) : null;
  const letGo = async () => {
    await postgres?.stop();
    folder.release();
  };
  try {
    return await serve(settings, folder, postgres, letGo);
  } catch (error) {
    await letGo();
    throw error;
  }
});

async function serve(
  settings: Settings,
  folder: DataFolder,
  postgres: EmbeddedPostgres | null,
  letGo: () => Promise<void>,
) {
  settings.databaseUrl ??= postgres!.url;
  settings.secretKey ??= folder.secretKey();
  settings.blobStore ??= 'filesystem';
  settings.dataDir = folder.path;
  await deployMigrations(settings.databaseUrl);
  const firstStart = await isFirstStart(settings.databaseUrl);
  const generatedPassword = firstStart && settings.adminPassword === undefined ? generatePassword() : null;
  if (generatedPassword !== null) settings.adminPassword = generatedPassword;
  const standalone = await startStandalone(settings).catch(async (error: unknown) => {
    // The account may have been made before the trouble came: its password is in nobody else's hands.
    if (generatedPassword !== null && !(await isFirstStart(settings.databaseUrl!))) {
      process.stderr.write(`user admin, password ${generatedPassword} (generated now and stored hashed)\n`);
    }
    throw error;
  });
  const { host, address, internalAddress } = standalone;
  process.stderr.write(
    welcome({ settings, address, internalAddress, dataFolder: folder.path, generatedPassword, firstStart }),
  );
  let stopping = false;
  postgres?.onUnexpectedExit((code) => {
    if (stopping) return;
    host.logger.fatal({ code }, 'the embedded PostgreSQL ended unexpectedly');
    process.exitCode = 1;
    process.kill(process.pid, 'SIGTERM');
  });
  return {
    logger: host.logger,
    shutdownSeconds: settings.shutdownSeconds + DATABASE_SECONDS,
    stop: async () => {
      stopping = true;
      // Whatever happens to the requests in flight, the database is not left behind.
      await Promise.race([standalone.stop(), delay(settings.shutdownSeconds * 1000)]);
      await letGo();
    },
  };
}
