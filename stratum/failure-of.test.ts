import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { Failure } from '../wire/failure.ts';
import { failureOf } from './failure-of.ts';

describe('failureOf', () => {
  it.each([
    ['ECONNREFUSED', 'connection_refused'],
    ['ECONNRESET', 'connection_reset'],
    ['EPIPE', 'connection_reset'],
    ['ETIMEDOUT', 'generic_timeout_error'],
    ['ENOTFOUND', 'dns_nxdomain_error'],
    ['EAI_AGAIN', 'dns_temporary_failure'],
    ['EHOSTUNREACH', 'host_unreachable'],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'ssl_invalid_hostname'],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'ssl_failed_handshake'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'non_tls_reply'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ssl_unknown_authority'],
  ])('names %s', (code, failure) => {
    expect(failureOf(Object.assign(new Error('x'), { code }))).toBe(failure);
  });

  it('tells a FIN in a TLS handshake from a RST, and a timer from a fault', () => {
    const text = 'Client network socket disconnected before secure TLS connection was established';
    expect(failureOf(Object.assign(new Error(text), { code: 'ECONNRESET' }))).toBe('eof_error');
    expect(failureOf(new DOMException('late', 'TimeoutError'))).toBe('generic_timeout_error');
  });

  it('keeps the text of what it does not know, without addresses, within the length of the wire', () => {
    const failure = failureOf(new Error('connect EWEIRD 192.0.2.7:3333 and [2001:db8::1]:80 and 2001:db8::2'));
    expect(failure).toBe('unknown_failure: connect EWEIRD [scrubbed] and [scrubbed] and [scrubbed]');
    expect(z.safeParse(Failure, failureOf(new Error('x'.repeat(1000)))).success).toBe(true);
    expect(z.safeParse(Failure, failureOf(undefined)).success).toBe(true);
  });
});
