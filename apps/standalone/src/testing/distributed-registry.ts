import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exchange, freePort, ServerProcess, startNats, tempFolder } from '@berth/testing';

const mainOf = (service: string) => fileURLToPath(new URL(`../../../${service}/dist/main.js`, import.meta.url));

/** What decides on access and answers what tags there are: auth, registry-v2 and two gateways, each a process, over NATS. */
export interface DistributedRegistry {
  /** Of the gateways. */
  readonly addresses: string[];
  /** Ends all processes of the service, does what is asked meanwhile, and starts them again at the same addresses. */
  restart(service: 'auth' | 'gateway', meanwhile: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

interface Running {
  service: string;
  env: Record<string, string>;
  stop(): Promise<void>;
}

export async function startDistributedRegistry(env: Record<string, string>): Promise<DistributedRegistry> {
  const running: Running[] = [];
  const nats = await startNats();
  const stop = async () => {
    for (const one of running.reverse()) await one.stop();
    await nats.stop();
  };
  const restart: DistributedRegistry['restart'] = async (service, meanwhile) => {
    const those = running.filter((one) => one.service === service);
    for (const one of those) await one.stop();
    await meanwhile();
    for (const one of those) Object.assign(one, await startService(service, one.env));
  };
  try {
    const addresses: string[] = [];
    for (const service of ['auth', 'registry-v2', 'gateway', 'gateway']) {
      const [port, internalPort] = [String(await freePort()), String(await freePort())];
      const settings = { ...env, BERTH_NATS_URL: nats.url, BERTH_PORT: port, BERTH_INTERNAL_PORT: internalPort };
      running.push({ service, env: settings, ...(await startService(service, settings)) });
      if (service === 'gateway') addresses.push(`http://127.0.0.1:${port}`);
    }
    return { addresses, restart, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startService(service: string, env: Record<string, string>): Promise<{ stop(): Promise<void> }> {
  const folder = tempFolder(`berth-${service}`);
  const data = join(folder.path, 'data');
  mkdirSync(data);
  const url = `http://127.0.0.1:${env['BERTH_INTERNAL_PORT']}/readyz`;
  const server = await ServerProcess.start({
    name: service,
    file: process.execPath,
    args: [mainOf(service)],
    env: { PATH: process.env['PATH'], BERTH_DATA_DIR: data, BERTH_SHUTDOWN_SECONDS: '2', ...env },
    folder,
    logFile: join(folder.path, 'log'),
    ready: async () => (await exchange({ method: 'GET', url })).status === 200,
    readyWithin: 30_000,
  });
  const stop = async () => {
    await server.stop();
    folder.remove();
  };
  return { stop };
}
