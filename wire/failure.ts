// The closed list of failure names that probe, relay and collector share (after OONI df-007, with spotrig's own additions;
// the mapping from Node's error codes is in stratum/failure-of.ts). A failed probe is a good sample: its failure is data.
import * as z from 'zod/mini';

/** Every failure name but the open `unknown_failure: …` form. */
export const FAILURES = [
  'address_not_available',
  'connection_aborted',
  'connection_already_closed',
  'connection_refused',
  'connection_reset',
  'dns_bogon_error',
  'dns_no_answer',
  'dns_non_recoverable_failure',
  'dns_nxdomain_error',
  'dns_refused_error',
  'dns_reply_with_wrong_query_id',
  'dns_server_misbehaving',
  'dns_servfail_error',
  'dns_temporary_failure',
  'eof_error',
  'generic_timeout_error',
  'host_unreachable',
  'http_unexpected_redirect_url',
  'http_unexpected_status_code',
  'interrupted',
  'json_parse_error',
  'network_down',
  'network_reset',
  'network_unreachable',
  'no_buffer_space',
  'non_tls_reply',
  'permission_denied',
  'ssl_failed_handshake',
  'ssl_invalid_certificate',
  'ssl_invalid_hostname',
  'ssl_unknown_authority',
] as const;

/** A name of the list, or `unknown_failure: <text with addresses scrubbed>`. */
export const Failure = z.union([
  z.enum(FAILURES),
  z.string().check(z.startsWith('unknown_failure: '), z.maxLength(200)),
]);
export type Failure = z.infer<typeof Failure>;

/** The step of a measurement that failed. */
export const Operation = z.enum(['resolve', 'connect', 'tls_handshake', 'stratum_reply', 'http_reply', 'transfer']);
export type Operation = z.infer<typeof Operation>;
