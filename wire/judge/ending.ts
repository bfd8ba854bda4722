// How one try of one address ended: at which layer and by which sign.
import type { Operation } from '../failure.ts';
import type { AddressTrial, Target } from '../reachability.ts';
import type { Thresholds } from './thresholds.ts';

/** Steps in their order; `done` is behind the last. */
export const DEPTH = { dns: 0, tcp: 1, tls: 2, stratum: 3, done: 4 } as const;
export type Layer = Exclude<keyof typeof DEPTH, 'done'>;

export type Sign =
  /** The peer answered the last step. */
  | 'ok'
  /** No step failed, and the last one was not tried on this address. */
  | 'partial'
  /** No answer to SYN. */
  | 'timeout'
  | 'rst'
  | 'icmp'
  /** A FIN without a byte. */
  | 'fin'
  | 'alert'
  /** Silence: our bytes were not acknowledged (the path), were (the peer), or nobody knows. */
  | 'unacked'
  | 'acked'
  | 'silent'
  | 'page'
  /** The pool says in JSON that it does not want us. */
  | 'ban'
  | 'not_tls'
  | 'certificate'
  | 'other';

export interface Ending {
  layer: Layer | 'done';
  /** How far it came, for comparing: DEPTH of the layer, in between for `partial`. */
  depth: number;
  sign: Sign;
  failure: string | null;
  address: string;
  attempt: number;
  ms: number | null;
  /** The TCP handshake's time: the path's round trip. */
  rtt_ms: number | null;
  alert: number | null;
  auth_error: boolean;
  /** Of an HTTP page that does not belong here. */
  page: { status: number | null; location_host: string | null } | null;
}

/** Faults of this machine's own, which say nothing of the path. */
const LOCAL_FAILURES: readonly string[] = [
  'address_not_available',
  'connection_already_closed',
  'interrupted',
  'network_down',
  'no_buffer_space',
];
const ICMP_FAILURES: readonly string[] = ['host_unreachable', 'network_unreachable', 'permission_denied'];
const RST_FAILURES: readonly string[] = [
  'connection_refused',
  'connection_reset',
  'connection_aborted',
  'network_reset',
];
const CERTIFICATE_FAILURES: readonly string[] = [
  'ssl_invalid_certificate',
  'ssl_invalid_hostname',
  'ssl_unknown_authority',
];

interface Answer {
  failure: string | null;
  rx_raw_bytes: number | null;
  tx_unacked_bytes: number | null;
}

/** Where the trial ended; null where this machine itself was at fault, so that it is no evidence. */
export function endingOf(trial: AddressTrial, target: Target, t: Thresholds): Ending | null {
  const { tcp, tls, stratum, http } = trial;
  const found = (
    layer: Ending['layer'],
    sign: Sign,
    step: { failure: string | null; ms: number | null } | null,
  ): Ending => ({
    layer,
    depth: sign === 'partial' ? (target.tls && tls === null ? 1.5 : 2.5) : DEPTH[layer],
    sign,
    failure: step?.failure ?? null,
    address: trial.address,
    attempt: trial.attempt,
    ms: step?.ms ?? null,
    rtt_ms: tcp?.failure === null ? tcp.ms : null,
    alert: tls?.alert ?? null,
    auth_error: stratum?.reply === 'auth_error',
    page: stratum?.page ?? (http === null ? null : { status: http.status, location_host: http.location_host }),
  });
  const isFault = [tcp, tls, stratum, http].some(
    (step) => step?.failure != null && LOCAL_FAILURES.includes(step.failure),
  );
  if (tcp === null || isFault) return null;
  if (tcp.failure !== null) {
    const sign = signOfConnect(tcp.failure);
    return sign === null || (sign === 'icmp' && isLocalIcmp(trial, t)) ? null : found('tcp', sign, tcp);
  }
  if (tls !== null && tls.failure !== null) return found('tls', signOfTls(tls.failure, tls), tls);
  if (stratum !== null) {
    const sign = signOfStratum(stratum);
    return found(sign === 'ok' ? 'done' : 'stratum', sign, stratum);
  }
  if (http !== null) {
    const sign = signOfHttp(http);
    return found(sign === 'ok' ? 'done' : 'stratum', sign, http);
  }
  const isWhole = endsAtHandshake(target) && (!target.tls || tls !== null);
  return found('done', isWhole ? 'ok' : 'partial', tls ?? tcp);
}

/** Ladders of the tunnel and sites of the baseline are tried no deeper than their handshake. */
function endsAtHandshake(target: Target): boolean {
  return target.role === 'frps' || target.role === 'baseline';
}

function signOfConnect(failure: string): Sign | null {
  if (failure === 'generic_timeout_error') return 'timeout';
  if (RST_FAILURES.includes(failure)) return 'rst';
  return ICMP_FAILURES.includes(failure) ? 'icmp' : null;
}

/**
 * The gateway is silent (ICMP by the own kernel, after seconds), there is no route (at once), or a rule of this machine
 * forbids it (EACCES on v4; on v6 it is an ICMP answer, but v6 is judged by v4).
 */
function isLocalIcmp({ tcp }: AddressTrial, t: Thresholds): boolean {
  const ms = tcp?.ms ?? 0;
  if (tcp?.failure === 'permission_denied') return true;
  return ms >= t.local_unreachable_ms || (tcp?.failure === 'network_unreachable' && ms < 1);
}

function signOfAnswer(step: Answer): Sign {
  const { failure, rx_raw_bytes, tx_unacked_bytes } = step;
  if (failure !== null && RST_FAILURES.includes(failure)) return 'rst';
  if (failure === 'eof_error') return (rx_raw_bytes ?? 0) === 0 ? 'fin' : 'other';
  if (failure !== 'generic_timeout_error') return 'other';
  if (tx_unacked_bytes === null) return 'silent';
  return tx_unacked_bytes > 0 ? 'unacked' : 'acked';
}

function signOfTls(failure: string, step: Answer & { alert: number | null }): Sign {
  if (step.alert !== null) return 'alert';
  if (failure === 'non_tls_reply') return 'not_tls';
  return CERTIFICATE_FAILURES.includes(failure) ? 'certificate' : signOfAnswer(step);
}

function signOfStratum(step: NonNullable<AddressTrial['stratum']>): Sign {
  if (step.reply === 'json' || step.reply === 'auth_error') return 'ok';
  if (step.reply === 'ban' || step.reply === 'page') return step.reply;
  return step.reply === 'other' ? 'other' : signOfAnswer(step);
}

/** Any other page than the expected one is a page that stands in the way. */
function signOfHttp(step: NonNullable<AddressTrial['http']>): Sign {
  if (step.failure === null) return 'ok';
  return step.failure.startsWith('http_unexpected') ? 'page' : signOfAnswer(step);
}

/** The layer that an operation's failure belongs to; null operation = all went well. */
export function layerOf(operation: Operation | null): Ending['layer'] {
  switch (operation) {
    case 'resolve':
      return 'dns';
    case 'connect':
      return 'tcp';
    case 'tls_handshake':
      return 'tls';
    case 'stratum_reply':
    case 'http_reply':
      return 'stratum';
    case 'transfer':
    case null:
      return 'done';
  }
}
