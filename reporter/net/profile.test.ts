import { expect, it } from 'vitest';
import { bogonTest } from './bogons.ts';
import { DEFAULT_PROFILE, profileWith } from './profile.ts';

it('has defaults that are valid, and keeps the courtesy of the facts', () => {
  expect(profileWith({})).toEqual(DEFAULT_PROFILE);
  expect(DEFAULT_PROFILE).toMatchObject({ attempts: 3, pools_at_once: 4, pool_rest_ms: 10_000, run_min_ms: 900_000 });
});

it('takes single fields, and scales all times alike', () => {
  expect(profileWith({ attempts: 1, scale: 0.1 })).toEqual({
    ...profileWith({ attempts: 1 }),
    ...Object.fromEntries(
      Object.entries(DEFAULT_PROFILE).flatMap(([key, value]) =>
        key.endsWith('_ms') && typeof value === 'number' ? [[key, value * 0.1]] : [],
      ),
    ),
  });
});

it.each([
  [{ attempts: 9 }, 'attempts'],
  [{ tcp_ms: -1 }, 'tcp_ms'],
  [{ pools_at_once: 5 }, 'pools_at_once'],
  [{ udp: [{ name: 'x', address: 'dns.example', port: 53 }] }, 'udp.0.address'],
  [{ doh: [{ name: 'x', url: 'http://x/', address: null, pin: null }] }, 'doh.0.url'],
  [{ tpc_ms: 1 }, 'there is no tpc_ms'],
  [[], 'object'],
])('refuses %j and names the field', (override, field) => {
  expect(() => profileWith(override)).toThrow(field);
});

it('knows bogons of both families, and public addresses', () => {
  const isBogon = bogonTest(DEFAULT_PROFILE.bogons);
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '100.64.0.1',
    '0.0.0.0',
    '192.168.1.1',
    '255.255.255.255',
    '::1',
    'fe80::1',
  ]) {
    expect(isBogon(address), address).toBe(true);
  }
  for (const address of ['2002:a00:1::', '2002:c0a8:101::1', '2001:0:a00:1::', '::ffff:10.0.0.1']) {
    expect(isBogon(address), address).toBe(true);
  }
  // 64:ff9b::/96 is how a network without IPv4 reaches it, so it is none.
  for (const address of [
    '8.8.8.8',
    '64:ff9b::808:808',
    '77.88.8.8',
    '192.0.1.1',
    '2a02:6b8::feed:ff',
    '2606:4700::1111',
  ]) {
    expect(isBogon(address), address).toBe(false);
  }
  expect(() => bogonTest(['10.0.0.1/8'])).toThrow('not a network');
});
