import type { IncomingMessage } from 'node:http';
import { loadSettings } from '@berth/platform';
import { ClientAddress } from './client-address.js';

const request = (remoteAddress: string | undefined, forwardedFor?: string) =>
  ({
    socket: { remoteAddress },
    headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  }) as unknown as IncomingMessage;

const behind = (proxies: string) => new ClientAddress(loadSettings({ BERTH_TRUSTED_PROXIES: proxies }));

describe(ClientAddress, () => {
  it('is the peer where no proxy is trusted, whatever is forwarded', () => {
    expect(behind('').of(request('127.0.0.1', '6.6.6.6'))).toBe('127.0.0.1');
  });

  it.each([
    ['what a trusted proxy says', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['not what a stranger says', '203.0.113.9', '6.6.6.6', '203.0.113.9'],
    ['not what the client has put before it', '10.0.0.1', '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['what stands behind all trusted proxies', '10.0.0.1', '6.6.6.6, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
    ['the proxy where it says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['the proxy where it says nonsense', '10.0.0.1', 'x'.repeat(5_000), '10.0.0.1'],
    ['of IPv6 too', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['through a socket that writes IPv4 as IPv6', '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ])('is %s', (_what, peer, forwardedFor, address) => {
    expect(behind('10.0.0.0/8,fd00::/8').of(request(peer, forwardedFor))).toBe(address);
  });

  it('is empty where the peer has left', () => {
    expect(behind('10.0.0.1').of(request(undefined, '6.6.6.6'))).toBe('');
    expect(behind('10.0.0.1').clientOf(request(undefined))).toBe('');
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::9', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
  ])('of %s counts as the client %s', (peer, client) => {
    expect(behind('').clientOf(request(peer))).toBe(client);
  });
});
