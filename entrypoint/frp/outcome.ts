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

/** The same, once the way was measured: where the login got no answer, how far did the prober come? */
export function refined(outcome: BadOutcome, { operation }: Pick<ReachabilityRecord, 'operation'>): BadOutcome {
  if (outcome !== 'login_timeout') return outcome;
  if (operation === 'resolve' || operation === 'connect') return 'no_tcp';
  return operation === 'tls_handshake' ? 'hello' : outcome;
}

/** Of a canary. */
export function outcomeOfCanary({ kind }: CanaryResult): Outcome {
  if (kind === 'ok') return 'up';
  return kind === 'closed' ? 'canary_failed' : kind;
}
