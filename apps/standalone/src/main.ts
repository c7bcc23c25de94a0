import { loadSettings, runUntilStopped } from '@berth/platform';
import { startOnFolder } from './registry-on-folder.js';
import { welcome } from './welcome.js';

/** On top: to keep what uploads have, and for PostgreSQL to end its connections and write a checkpoint. */
const DATABASE_SECONDS = 20;

await runUntilStopped('berth', async () => {
  const settings = loadSettings(process.env);
  const registry = await startOnFolder(settings);
  const { standalone, folder, postgres, firstStart, generatedPassword } = registry;
  const { host, address, internalAddress } = standalone;
  folder.publish(address);
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
    drain: () => {
      stopping = true;
      host.health.stop();
    },
    drainSeconds: settings.drainSeconds,
    shutdownSeconds: settings.shutdownSeconds + DATABASE_SECONDS,
    stop: () => registry.stop(),
  };
});
