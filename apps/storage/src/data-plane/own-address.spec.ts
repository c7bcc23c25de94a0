import type { NetworkInterfaceInfo } from 'node:os';
import { ownAddress } from './own-address.js';

const on = (address: string, internal = false) =>
  ({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', internal }) as NetworkInterfaceInfo;
const LOOPBACK = [on('127.0.0.1', true), on('::1', true)];

describe(ownAddress.name, () => {
  it.each(['http://10.1.2.3:5001', 'http://127.0.0.1:5001', 'http://storage.example:5001'])(
    'leaves %s as it is',
    (base) => expect(ownAddress(base, { lo: LOOPBACK, eth0: [on('10.9.9.9')] })).toBe(base),
  );

  it.each(['http://0.0.0.0:5001', 'http://[::]:5001'])('is not %s, which is nobody’s, but the machine’s', (base) => {
    const interfaces = { lo: LOOPBACK, eth0: [on('fe80::1'), on('fd00::7'), on('10.9.9.9')] };
    expect(ownAddress(base, interfaces)).toBe('http://10.9.9.9:5001');
  });

  it('is of IPv6 where there is nothing else', () => {
    expect(ownAddress('http://[::]:5001', { lo: LOOPBACK, eth0: [on('fe80::1'), on('fd00::7')] })).toBe(
      'http://[fd00::7]:5001',
    );
  });

  it('is loopback where there is no network', () => {
    expect(ownAddress('http://0.0.0.0:5001', { lo: LOOPBACK })).toBe('http://127.0.0.1:5001');
  });
});
