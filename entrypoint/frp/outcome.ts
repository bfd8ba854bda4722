// What frpc's words and the prober's steps say an attempt came to.
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import type { CanaryResult } from './canary.ts';
import type { Outcome } from './ladder.ts';

export type BadOutcome = Exclude<Outcome, 'up'>;

/** Of frpc's last words on a login that failed. `login_timeout` is also what is not known better: the sample may tell more. */
export function outcomeOfWords(words: string): BadOutcome {
  return MEANINGS.find(([pattern]) => pattern.test(words))?.[1] ?? 'login_timeout';
}

const MEANINGS: readonly (readonly [RegExp, BadOutcome])[] = [
  [/connection refused|no such host|lookup .*:|server misbehaving|network is unreachable|no route to host/i, 'no_tcp'],
  [/x509|certificate|first record does not look like/i, 'tls_bad'],
  [
    /i\/o timeout|deadline|timeout|timed out|reset by peer|EOF|broken pipe|session shutdown|use of closed/i,
    'login_timeout',
  ],
  [/login to the server failed|connect to server error/i, 'login_refused'],
];

const CERTIFICATE_FAILURES: ReadonlySet<string> = new Set([
  ...['ssl_invalid_certificate', 'ssl_invalid_hostname', 'ssl_unknown_authority'],
]);

/** The same, once the way was measured: where the login got no answer, how far did the prober come? */
export function refined(
  outcome: BadOutcome,
  { operation, failure }: Pick<ReachabilityRecord, 'operation' | 'failure'>,
): BadOutcome {
  if (outcome !== 'login_timeout') return outcome;
  if (operation === 'resolve' || operation === 'connect') return 'no_tcp';
  if (operation !== 'tls_handshake') return outcome;
  // frpc's multiplexer may be faster to say that the session is over than its TLS to say why.
  return CERTIFICATE_FAILURES.has(failure ?? '') ? 'tls_bad' : 'hello';
}

/** Of a canary. */
export function outcomeOfCanary({ kind }: CanaryResult): Outcome {
  if (kind === 'ok') return 'up';
  return kind === 'closed' ? 'canary_failed' : kind;
}
