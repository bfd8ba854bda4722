import type { FAILURES, Failure } from '../wire/failure.ts';
import { codeOf, messageOf } from '../platform/errors.ts';

/** Node's error codes of name resolution, TCP, TLS and timers, by the names that all of spotrig uses (OONI df-007). */
const BY_CODE: ReadonlyMap<string, (typeof FAILURES)[number]> = new Map([
  ['ECONNREFUSED', 'connection_refused'],
  ['ECONNRESET', 'connection_reset'],
  ['EPIPE', 'connection_reset'],
  ['ECONNABORTED', 'connection_aborted'],
  ['ETIMEDOUT', 'generic_timeout_error'],
  ['EHOSTUNREACH', 'host_unreachable'],
  ['ENETUNREACH', 'network_unreachable'],
  ['ENETDOWN', 'network_down'],
  ['ENETRESET', 'network_reset'],
  ['EACCES', 'permission_denied'],
  ['EPERM', 'permission_denied'],
  ['EADDRNOTAVAIL', 'address_not_available'],
  ['ENOBUFS', 'no_buffer_space'],
  ['ENOTFOUND', 'dns_nxdomain_error'],
  ['ENODATA', 'dns_no_answer'],
  // c-ares; its time-out is spelled so.
  ['ETIMEOUT', 'generic_timeout_error'],
  ['ECANCELLED', 'interrupted'],
  ['EREFUSED', 'dns_refused_error'],
  ['ESERVFAIL', 'dns_servfail_error'],
  ['EBADRESP', 'dns_server_misbehaving'],
  ['EFORMERR', 'dns_server_misbehaving'],
  ['EAI_AGAIN', 'dns_temporary_failure'],
  ['EAI_FAIL', 'dns_non_recoverable_failure'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'ssl_invalid_hostname'],
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'ssl_invalid_hostname'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ssl_unknown_authority'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'ssl_unknown_authority'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ssl_unknown_authority'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'ssl_unknown_authority'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ssl_unknown_authority'],
  ['CERT_HAS_EXPIRED', 'ssl_invalid_certificate'],
  ['CERT_NOT_YET_VALID', 'ssl_invalid_certificate'],
  ['CERT_REVOKED', 'ssl_invalid_certificate'],
  // Plain text on a TLS port: a block page, or the wrong port.
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'non_tls_reply'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'non_tls_reply'],
  ['ERR_SOCKET_CLOSED', 'connection_already_closed'],
  ['ERR_STREAM_DESTROYED', 'connection_already_closed'],
]);

/** How Node calls a FIN during a TLS handshake; its code is that of a RST. */
const FIN_IN_HANDSHAKE = /^Client network socket disconnected before secure TLS/;

const FAILURE_MAX_CHARS = 200;
const ADDRESS = /\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})\]?(?::\d+)?/gi;

/** An error of our own that is one of these failures. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure);
    this.failure = failure;
  }
}

/**
 * The failure name of an error from a socket, a TLS handshake, a name lookup or a timer; the open form, with addresses scrubbed,
 * for what has none.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  if (error instanceof Error) {
    if (FIN_IN_HANDSHAKE.test(error.message)) return 'eof_error';
    if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'generic_timeout_error';
  }
  const code = codeOf(error) ?? '';
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_')) return 'ssl_failed_handshake';
  return `unknown_failure: ${messageOf(error).replace(ADDRESS, '[scrubbed]')}`.slice(0, FAILURE_MAX_CHARS);
}
