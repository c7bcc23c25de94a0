// The six services for a measurement, on PostgreSQL, NATS and MinIO of their own, in a folder that is gone behind it.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBerth } from '../soak/berth.mjs';
import { ServiceLog } from '../soak/collection.mjs';
import { Servers } from '../soak/servers.mjs';

/** Does `work` with them, and stops them. Where it fails, what they logged last is printed. */
export async function withSixServices(settings, work) {
  const folder = mkdtempSync(join(process.env.TMPDIR || tmpdir(), 'berth-bench-'));
  chmodSync(folder, 0o755); // the embedded PostgreSQL below it runs as another user
  // Nothing is away here: of every kind of warning of a collector the first is printed.
  const log = new ServiceLog(['warn', 'error', 'fatal']);
  const servers = new Servers();
  let berth;
  try {
    await servers.start(folder);
    berth = await startBerth({ folder, servers, settings, log });
    return await work({ berth, servers });
  } catch (error) {
    console.log(log.last());
    throw error;
  } finally {
    await berth?.stop();
    await servers.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
