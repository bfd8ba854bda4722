import { describe, expect, it } from 'vitest';
import { mendLogin, mendReach } from './advice.ts';
import type { Reach } from './reach.ts';

const NOW_MS = Date.parse('2026-11-26T00:00:00Z');
const good: Reach = {
  ...{ fault: null, detail: null, connect_ms: 1, tls_ms: 2, spki_sha256: 'x', missing_names: [] },
  expires: '2027-11-26T00:00:00.000Z',
};

describe('advice about reaching frps', () => {
  it('is none where all is well, and comes before a certificate ends within an order’s life', () => {
    expect(mendReach(good, NOW_MS)).toBeNull();
    expect(mendReach({ ...good, expires: '2026-12-10T00:00:00.000Z' }, NOW_MS)).toContain('2026-12-10');
  });

  it('names what to do for each fault', () => {
    const of = (over: Partial<Reach>) => mendReach({ ...good, ...over }, NOW_MS);
    expect(of({ fault: 'tcp', detail: 'ECONNREFUSED' })).toContain('nothing listens');
    expect(of({ fault: 'tcp', detail: 'ENOTFOUND' })).toContain('DNS');
    expect(of({ fault: 'tcp', detail: 'nothing within 10 s' })).toContain('firewall');
    expect(of({ fault: 'name', missing_names: ['tun.example'] })).toContain('tun.example');
    expect(of({ fault: 'time', detail: 'CERT_NOT_YET_VALID' })).toContain('clock');
    expect(of({ fault: 'time', detail: 'CERT_HAS_EXPIRED' })).toContain('frps-config');
  });
});

describe('advice about a login', () => {
  it('goes by frpc’s words', () => {
    expect(mendLogin("token in login doesn't match token from configuration", 'tls')).toContain('SPOTRIG_FRP');
    expect(mendLogin('send Login request to plugin error', 'tls')).toContain('httpPlugins');
    expect(mendLogin('the ticket is not one of this collector’s', 'tls')).toContain('--data');
    expect(mendLogin('unexpected EOF', 'wss')).toContain('nginx');
    expect(mendLogin('session shutdown', 'tls')).toContain('tcpMux = true');
    expect(mendLogin('no login within 15 s', 'tls_no_mux')).toContain('tcpMux = false');
  });
});
