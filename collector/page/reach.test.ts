import { describe, expect, it } from 'vitest';
import type { FrpRecord } from '../../wire/frp.ts';
import { tunnelFacts, wayTo } from './reach.ts';

const service = { name: 'ssh', type: 'stcp', local_port: 22, remote_port: null, state: 'up', reason: null } as const;

const unknown: FrpRecord = {
  ...{ kind: 'frp', at_ms: 1000, state: 'connecting', frps: null, rung: null, found_ms: null },
  ...{ canary_bytes: null, canary_ms: null, exposed: [], egress: [] },
};

describe('how a worker is reached', () => {
  it('is told as far as it is known', () => {
    expect(tunnelFacts(unknown, 61_000).map(({ label }) => label)).toEqual(['Tunnel']);
    const known: FrpRecord = {
      ...unknown,
      ...{ state: 'up', frps: 'frp://tun.example:443', rung: 'tls_no_mux', found_ms: 1500 },
      ...{ canary_bytes: 65_536, canary_ms: 140 },
    };
    const facts = Object.fromEntries(tunnelFacts(known, 61_000).map(({ label, value }) => [label, value]));
    expect(facts).toMatchObject({ Rung: 'tls no mux', frps: 'frp://tun.example:443' });
    expect(Object.keys(facts)).toEqual(['Tunnel', 'frps', 'Rung', 'Found in', 'Canary']);
  });

  it('is a command, or an address', () => {
    expect(wayTo('rig-1', service, null)).toBe('npx spotrig connect rig-1 ssh');
    const tcp = { ...service, type: 'tcp', remote_port: 20_000 } as const;
    expect(wayTo('rig-1', tcp, 'frp://[2a01:4f8::1]:443')).toBe('[2a01:4f8::1]:20000');
    expect(wayTo('rig-1', tcp, null)).toBeNull();
    expect(wayTo('rig-1', { ...tcp, remote_port: null }, 'frp://tun.example:443')).toBeNull();
  });
});
