import { describe, expect, it } from 'vitest';
import { answerOf, reachabilityOf, verdictOf, wellTrial } from '../../test/fakes/reachability.ts';
import type { AddressTrial } from '../../wire/reachability.ts';
import { rankOf } from './reachability.ts';

const TRUE = '203.0.113.10';
const dead: AddressTrial = {
  ...wellTrial('10.10.10.10'),
  tcp: { failure: 'generic_timeout_error', ms: 10_000 },
  stratum: null,
};

describe('rankOf', () => {
  it('takes verdict and the fastest connection, and no addresses where the name is as good', () => {
    const slow = { ...wellTrial('203.0.113.11'), tcp: { failure: null, ms: 90 } };
    const record = reachabilityOf({ addresses: [slow, wellTrial(TRUE)], verdict: verdictOf('reachable') });
    expect(rankOf(record, [TRUE])).toEqual({
      url: 'stratum+tcp://pool.example:3333',
      verdict: 'reachable',
      delay_ms: 40,
      addresses: [],
    });
  });

  it('where the name lies, stands as reachable by those of the control’s addresses that answered', () => {
    const record = reachabilityOf({ addresses: [dead, wellTrial(TRUE)], verdict: verdictOf('blocked:dns') });
    expect(rankOf(record, ['203.0.113.99', TRUE])).toMatchObject({ verdict: 'reachable', addresses: [TRUE] });
  });

  it('is blocked where these do not answer either, and never dials an address that nobody tried', () => {
    const failed = { ...dead, address: TRUE };
    const record = reachabilityOf({ addresses: [dead, failed], verdict: verdictOf('blocked:dns') });
    expect(rankOf(record, [TRUE, '203.0.113.99'])).toMatchObject({ verdict: 'blocked:dns', addresses: [] });
  });

  it('repairs a name that only the system’s resolver does not know', () => {
    const dns = [answerOf({ failure: 'dns_nxdomain_error' })];
    const record = reachabilityOf({ dns, verdict: verdictOf('inconclusive') });
    expect(rankOf(record, [TRUE])).toMatchObject({ verdict: 'reachable', addresses: [TRUE] });
  });
});
