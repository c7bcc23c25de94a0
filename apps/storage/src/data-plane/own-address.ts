import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

const EVERY_ADDRESS = new Set(['0.0.0.0', '[::]']);

/**
 * By which URL others reach the server of this process that listens at `base`. Where it listens on every address that is
 * the first one of this machine, or container, which is not loopback; of IPv4 where it has both.
 */
export function ownAddress(
  base: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string {
  const url = new URL(base);
  if (!EVERY_ADDRESS.has(url.hostname)) return base;
  const reachable = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith('fe80:'));
  const own = reachable.find(({ family }) => family === 'IPv4') ?? reachable[0];
  url.hostname = own === undefined ? '127.0.0.1' : own.family === 'IPv4' ? own.address : `[${own.address}]`;
  return url.origin;
}
