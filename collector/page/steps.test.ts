import { describe, expect, it } from 'vitest';
import { reachabilityOf, wellTrial } from '../../test/fakes/reachability.ts';
import { stepsOf } from './steps.ts';

type Sample = Parameters<typeof stepsOf>[0];

/** Title, then one text a line: mark, question, answer, time. */
function told(change: Partial<Sample>): string[] {
  return stepsOf(reachabilityOf({ addresses: [], ...change })).flatMap(({ title, lines }) => [
    title,
    ...lines.map(({ isWell, what, result, ms }) =>
      [isWell === null ? '·' : isWell ? '+' : '-', what, '=', result, ms ?? ''].join(' ').trimEnd(),
    ),
  ]);
}

const ACK = { tx_unacked_bytes: 0, retransmits: 0 };
const NO_STRATUM = { step: 'mining.subscribe', reply: null, page: null, rx_raw_bytes: 0, first_bytes: null };

describe('stepsOf', () => {
  it('has nothing to tell of nothing', () => {
    expect(told({})).toEqual([]);
  });

  it('tells answers and lies of DNS', () => {
    const ask = { family: 'A' as const, late: [], failure: null, ms: 12 };
    const dns: Sample['dns'] = [
      { ...ask, resolver: 'system', transport: 'system', addresses: ['10.0.0.1'], failure: 'dns_bogon_error' },
      { ...ask, resolver: '8.8.8.8', transport: 'udp', addresses: ['203.0.113.1'], late: ['203.0.113.2'] },
      { ...ask, resolver: '1.1.1.1', transport: 'tcp', addresses: [], failure: 'dns_nxdomain_error', ms: null },
    ];
    expect(told({ dns })).toEqual([
      'DNS',
      '- A · system = dns bogon error: 10.0.0.1 12',
      '+ A · 8.8.8.8 (udp) = 203.0.113.1; a second answer came later: 203.0.113.2 12',
      '- A · 1.1.1.1 (tcp) = dns nxdomain error',
    ]);
  });

  it('tells each address step by step, and whether what was sent was acknowledged', () => {
    const well = wellTrial('203.0.113.1');
    const tls = {
      protocol: null,
      alert: 112,
      spki_sha256: null,
      issuer: null,
      rx_raw_bytes: 7,
      failure: 'ssl_invalid_hostname',
      ms: 9,
      ...ACK,
    };
    const silent = {
      ...NO_STRATUM,
      failure: 'generic_timeout_error',
      ms: 15_000,
      tx_unacked_bytes: 63,
      retransmits: 4,
    };
    const page = {
      ...NO_STRATUM,
      reply: 'page',
      page: { status: 302, location_host: 'block.example' },
      failure: null,
      ms: 30,
      ...ACK,
    };
    const addresses = [
      well,
      { ...well, attempt: 1, tls, stratum: null },
      { ...well, address: '203.0.113.2', stratum: silent },
      { ...well, address: '203.0.113.2', stratum: page },
    ] as Sample['addresses'];
    expect(told({ addresses, control_addresses: ['203.0.113.2'] })).toEqual([
      '203.0.113.1',
      '+ TCP = connected 40',
      '+ mining.subscribe = JSON answer 42',
      '· first bytes = {"id":1,"result":[null,"64290b"],"error":null}',
      '203.0.113.1 · attempt 2',
      '+ TCP = connected 40',
      '- TLS = ssl invalid hostname (alert 112); all that was sent was acknowledged 9',
      '203.0.113.2 · address from the collector',
      '+ TCP = connected 40',
      '- mining.subscribe = generic timeout error; 63 B not acknowledged, 4 retransmits 15000',
      '203.0.113.2 · address from the collector',
      '+ TCP = connected 40',
      '- mining.subscribe = a web page; page 302 to block.example; all that was sent was acknowledged 30',
    ]);
  });

  it('tells the line, what was varied, watched and moved, and what collectors saw', () => {
    const site = { failure: null, ms: 30, operation: null };
    const variant = { address: null, operation: null, failure: null, ms: 5, ...ACK };
    expect(
      told({
        baseline: {
          at_ms: 0,
          resolver_ok: false,
          sites: [{ ...site, kind: 'ru_ordinary', host: 'a.example' }],
          captive: { status: 200, location_host: null },
        },
        stalls: [{ raw_bytes: 16_384, packets: 25, messages: 10, age_ms: 8000, idle_ms: null, end: 'silence', ...ACK }],
        variants: [
          { ...variant, variant: 'no_sni', address: '203.0.113.1' },
          { ...variant, variant: 'at_collector', operation: 'tls_handshake', failure: 'connection_reset' },
        ],
        bulk: [
          { peer: 'collector', form: 'pull', wanted: 65_536, moved: 16_384, ms: 900, failure: 'generic_timeout_error' },
          { peer: 'collector', form: 'messages', wanted: 40, moved: 40, ms: 900, failure: null },
        ],
        controls: [
          {
            entry: 'x',
            by: 'fra',
            at_ms: 0,
            operation: null,
            failure: null,
            addresses: [],
            dns_failure: null,
            trials: [{ ...wellTrial('203.0.113.1'), stratum: null }],
          },
          {
            entry: 'x',
            by: 'msk',
            at_ms: 0,
            operation: 'resolve',
            failure: 'dns_nxdomain_error',
            addresses: [],
            dns_failure: 'dns_nxdomain_error',
            trials: [],
          },
        ],
      }),
    ).toEqual([
      'Line of the worker',
      '- resolver = does not answer for an innocent name',
      '+ a.example (Russian site) = answers 30',
      '- plain HTTP = page 200',
      'Sessions watched',
      '- session = 16.0 KiB, 25 packets, 10 messages, then silence; all that was sent was acknowledged 8000',
      'With one thing changed',
      '+ TLS without a name · 203.0.113.1 = works 5',
      '- the same to the collector = connection reset at tls handshake; all that was sent was acknowledged 5',
      'Many bytes or messages',
      '- pull · collector = 16.0 KiB of 64.0 KiB; generic timeout error 900',
      '+ messages · collector = 40 of 40 messages 900',
      '203.0.113.1 · seen by fra',
      '+ TCP = connected 40',
      'DNS · seen by msk',
      '- name = dns nxdomain error',
    ]);
  });
});
