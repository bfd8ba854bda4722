import { describe, expect, it } from 'vitest';
import { outcomeOfCanary, outcomeOfWords, refined } from './outcome.ts';

describe('what an attempt came to', () => {
  it.each([
    ['connect to server error: dial tcp 192.0.2.1:443: connect: connection refused', 'no_tcp'],
    ['login to the server failed: dial tcp: lookup tun.example on 1.1.1.1:53: no such host', 'no_tcp'],
    ['login to the server failed: i/o deadline reached', 'login_timeout'],
    ['login to the server failed: EOF', 'login_timeout'],
    ['tls: failed to verify certificate: x509: certificate signed by unknown authority', 'tls_bad'],
    ['login to the server failed: token in login doesn’t match token from configuration', 'login_refused'],
    ['', 'login_timeout'],
  ])('%s', (words, outcome) => {
    expect(outcomeOfWords(words)).toBe(outcome);
  });

  it('knows more once the way was measured', () => {
    const failure = 'generic_timeout_error' as const;
    expect(refined('login_timeout', { operation: 'connect', failure })).toBe('no_tcp');
    expect(refined('login_timeout', { operation: 'tls_handshake', failure })).toBe('hello');
    expect(refined('login_timeout', { operation: 'tls_handshake', failure: 'ssl_unknown_authority' })).toBe('tls_bad');
    expect(refined('login_timeout', { operation: null, failure: null })).toBe('login_timeout');
    expect(refined('frozen', { operation: 'tls_handshake', failure })).toBe('frozen');
  });

  it('takes a canary at its word', () => {
    expect(outcomeOfCanary({ kind: 'ok', bytes: 1, ms: 1 })).toBe('up');
    expect(outcomeOfCanary({ kind: 'closed', bytes: 1, ms: 1, detail: '' })).toBe('canary_failed');
    expect(outcomeOfCanary({ kind: 'slow', bytes: 1, ms: 1 })).toBe('slow');
  });
});
