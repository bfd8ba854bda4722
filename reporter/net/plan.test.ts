import { describe, expect, it } from 'vitest';
import type { DnsAnswer } from '../../wire/reachability.ts';
import { candidates, isLocalV6Failure, poolKeyOf, prefixOf, variantPlan } from './plan.ts';

const answer = (transport: DnsAnswer['transport'], addresses: string[], late: string[] = []): DnsAnswer => {
  const family = addresses[0]?.includes(':') === true ? 'AAAA' : 'A';
  return { resolver: transport, transport, family, addresses, late, failure: null, ms: 1 };
};
const isBogon = (address: string): boolean => address.startsWith('10.');

function listed(dns: DnsAnswer[], control: string[] = [], host = 'pool.example'): string[] {
  const list = candidates({ host, dns, control, isBogon, maxV4: 4, maxV6: 2 });
  return list.map(({ address, mayAsk }) => (mayAsk ? `${address}!` : address));
}

describe('candidates', () => {
  it('asks the system’s first address, and as the second one that the system did not tell', () => {
    expect(listed([answer('system', ['1.1.1.1', '1.1.1.2']), answer('udp', ['2.2.2.2', '1.1.1.1'])])).toEqual([
      '1.1.1.1!',
      '2.2.2.2!',
      '1.1.1.2',
    ]);
    expect(listed([answer('system', ['1.1.1.1']), answer('udp', ['2.2.2.2'])], ['3.3.3.3'])).toEqual([
      '1.1.1.1!',
      '3.3.3.3!',
      '2.2.2.2',
    ]);
    expect(listed([answer('system', ['1.1.1.1', '1.1.1.2'])])).toEqual(['1.1.1.1!', '1.1.1.2!']);
  });

  it('drops bogons unless the control has them, and keeps late answers', () => {
    expect(listed([answer('system', ['10.0.0.1'])])).toEqual([]);
    expect(listed([answer('system', ['10.0.0.1'])], ['10.0.0.1'])).toEqual(['10.0.0.1!']);
    expect(listed([answer('udp', ['10.0.0.1'], ['2.2.2.2'])])).toEqual(['2.2.2.2!']);
  });

  it('bounds each family, IPv4 first', () => {
    const v4 = Array.from({ length: 9 }, (_, i) => `1.1.1.${i}`);
    const v6 = Array.from({ length: 9 }, (_, i) => `2a00::${i + 1}`);
    const list = listed([answer('system', v6), answer('system', v4)]);
    expect(list.filter((address) => address.includes('.'))).toHaveLength(4);
    expect(list.filter((address) => address.includes(':'))).toHaveLength(2);
    expect(list[0]).toBe('1.1.1.0!');
  });

  it('asks nobody about a literal address', () => {
    expect(listed([], [], '127.0.0.1')).toEqual(['127.0.0.1!']);
  });
});

describe('variantPlan', () => {
  const pool = { role: 'pool', tls: true, sni: 'pool.example' } as const;

  it('goes from innocent to triggering, and looks for residue last', () => {
    const plan = variantPlan(pool, 'tls_handshake', true);
    expect(plan).toEqual([
      ...['alt_port', 'alt_region', 'no_sni', 'innocent_sni', 'tls13', 'tls12', 'split_hello'],
      ...['innocent_at_collector', 'at_collector', 'innocent_again'],
    ]);
  });

  it('says nothing at the collector that is not the trigger', () => {
    expect(variantPlan({ ...pool, tls: false, sni: null }, 'stratum_reply', true)).toContain('at_collector');
    for (const plan of [
      variantPlan(pool, 'stratum_reply', true),
      variantPlan(pool, 'connect', true),
      variantPlan(pool, 'tls_handshake', false),
      variantPlan({ ...pool, role: 'collector' }, 'tls_handshake', true),
    ]) {
      expect(plan).not.toContain('at_collector');
    }
  });
});

it('groups by pool and by neighbourhood', () => {
  expect(poolKeyOf('eu1.pool.example')).toBe(poolKeyOf('US.pool.example'));
  expect(poolKeyOf('192.0.2.1')).not.toBe(poolKeyOf('192.0.3.1'));
  expect(prefixOf('192.0.2.1')).toBe(prefixOf('192.0.2.200'));
  expect(prefixOf('192.0.2.1')).not.toBe(prefixOf('192.0.3.1'));
  expect(prefixOf('2001:db8:1::1')).toBe(prefixOf('2001:db8:1:ffff::1'));
});

it('takes a missing IPv6 for what it is', () => {
  expect(isLocalV6Failure('2a00::1', 'network_unreachable')).toBe(true);
  expect(isLocalV6Failure('2a00::1', 'connection_refused')).toBe(false);
  expect(isLocalV6Failure('192.0.2.1', 'network_unreachable')).toBe(false);
});
