import type { FAILURES, Failure } from '../wire/failure.ts';
import { codeOf, messageOf } from '../platform/errors.ts';

/** Node's error codes of name resolution and TCP, by the names that all of spotrig uses (OONI df-007). */
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
  ['EAI_AGAIN', 'dns_temporary_failure'],
  ['EAI_FAIL', 'dns_non_recoverable_failure'],
]);

const FAILURE_MAX_CHARS = 200;
const ADDRESS = /\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})\]?(?::\d+)?/gi;

/** The failure name of an error from a socket or a name lookup; the open form, with addresses scrubbed, for what has none. */
export function failureOf(error: unknown): Failure {
  const known = BY_CODE.get(codeOf(error) ?? '');
  if (known !== undefined) return known;
  return `unknown_failure: ${messageOf(error).replace(ADDRESS, '[scrubbed]')}`.slice(0, FAILURE_MAX_CHARS);
}
