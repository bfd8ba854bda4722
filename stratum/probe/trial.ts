// One address of one target, once: TCP, TLS where the port speaks it, step 1 or an HTTP request, and an orderly end. The worker and
// the collector's control measure with the same steps.
import type { Duplex } from 'node:stream';
import type { Failure, Operation } from '../../wire/failure.ts';
import type { AddressTrial, Stall, Target } from '../../wire/reachability.ts';
import { connectTo, type ProbeConnection, type ProbeDeps } from './connection.ts';
import type { FirstRequest } from './first-request.ts';
import { httpStep, stratumStep, watch, type WatchLimits } from './step-one.ts';
import { tlsStep, type TlsShape, type Trust } from './tls.ts';

/** Limits of the steps, ms. */
export interface TrialLimits {
  tcp_ms: number;
  tls_ms: number;
  reply_ms: number;
  /** When the kernel is asked about an answer that is due. */
  ack_ms: number;
  /** How long the peer's FIN is waited for after ours. */
  close_ms: number;
}

/** What is said after TCP and TLS: nothing, the dialect's first line, or an HTTP request. */
export type Question = { kind: 'none' } | { kind: 'stratum'; request: FirstRequest } | { kind: 'http'; path: string };

export interface TrialPlan {
  /** A port gets TLS exactly where the target says so: the wrong one of the two gets a prober banned. */
  target: Pick<Target, 'host' | 'port' | 'tls' | 'sni'>;
  /** A literal address. */
  address: string;
  attempt: number;
  /** Ends the trial after this step. */
  upTo: 'tcp' | 'tls' | 'answer';
  question: Question;
  /** How the hello differs from the plain one with the target's name; for variants. */
  shape?: Partial<TlsShape>;
  /** Whose certificate it must be; left out: anybody's. */
  trust?: Trust | undefined;
  /** Stays connected after a good answer. */
  watch?: Pick<WatchLimits, 'watch_ms' | 'quiet_ms'>;
  agent: string;
  limits: TrialLimits;
}

export interface Trial {
  trial: AddressTrial;
  /** Of the watch; null where there was none. */
  stall: Stall | null;
  /** Raw bytes of this connection. */
  rx_bytes: number;
  tx_bytes: number;
}

/** Tries the address. Never rejects for the network: a failed step is a good sample. */
export async function tryAddress(plan: TrialPlan, deps: ProbeDeps): Promise<Trial> {
  const { target, address, attempt, limits } = plan;
  const begun = deps.clock.monoMs();
  const { step, connection } = await connectTo({ address, port: target.port }, limits.tcp_ms, deps);
  const trial: AddressTrial = { address, attempt, tcp: step, tls: null, stratum: null, http: null };
  if (connection === null) return { trial, stall: null, rx_bytes: 0, tx_bytes: 0 };
  const stall = await speak(plan, connection, trial, begun, deps);
  await connection.close(limits.close_ms);
  return { trial, stall, rx_bytes: connection.rx_bytes, tx_bytes: connection.tx_bytes };
}

async function speak(
  plan: TrialPlan,
  connection: ProbeConnection,
  trial: AddressTrial,
  begun: number,
  deps: ProbeDeps,
): Promise<Stall | null> {
  const { target, limits, question } = plan;
  if (plan.upTo === 'tcp') return null;
  let stream: Duplex | null = null;
  if (target.tls) {
    const shape = { sni: target.sni, ...plan.shape };
    const wait = { ack_ms: limits.ack_ms, timeout_ms: limits.tls_ms };
    const secured = await tlsStep(connection, shape, wait, plan.trust ?? null);
    trial.tls = secured.step;
    if (secured.stream === null) return null;
    stream = secured.stream;
  }
  if (plan.upTo === 'tls' || question.kind === 'none') return null;
  stream ??= connection.stream();
  const wait = { ack_ms: limits.ack_ms, timeout_ms: limits.reply_ms };
  if (question.kind === 'http') {
    const request = { host: target.host, path: question.path, agent: plan.agent };
    trial.http = await httpStep(connection, stream, request, wait);
    return null;
  }
  trial.stratum = await stratumStep(connection, stream, question.request, wait);
  if (trial.stratum.failure !== null || plan.watch === undefined) return null;
  return watch(connection, stream, begun, { ...plan.watch, ack_ms: limits.ack_ms }, deps.clock);
}

/** Where a trial ended: the step that failed and its failure; both null when all its steps went well. */
export function endOfTrial(trial: AddressTrial): { operation: Operation | null; failure: Failure | null } {
  const steps: [Operation, { failure: Failure | null } | null][] = [
    ['connect', trial.tcp],
    ['tls_handshake', trial.tls],
    ['stratum_reply', trial.stratum],
    ['http_reply', trial.http],
  ];
  for (const [operation, step] of steps)
    if (step !== null && step.failure !== null) return { operation, failure: step.failure };
  return { operation: null, failure: null };
}

/** Operations from the first to the deepest. */
const DEPTH: readonly (Operation | null)[] = [
  'resolve',
  'connect',
  'tls_handshake',
  'stratum_reply',
  'http_reply',
  'transfer',
  null,
];

/**
 * The deepest step that any of the trials came to, and its failure there; both null when one of them went well up to `goal`
 * (trials of further addresses may stop earlier). Without a trial it is the resolution that failed.
 */
export function deepestEnd(
  trials: readonly AddressTrial[],
  goal: 'tcp' | 'tls' | 'stratum' | 'http',
  dnsFailure: Failure | null,
): { operation: Operation | null; failure: Failure | null } {
  const depth = (operation: Operation | null): number => DEPTH.indexOf(operation);
  const telling = trials.filter((trial) => trial[goal] !== null || endOfTrial(trial).operation !== null);
  const [deepest] = telling.map(endOfTrial).toSorted((a, b) => depth(b.operation) - depth(a.operation));
  return deepest ?? { operation: 'resolve', failure: dnsFailure ?? 'dns_no_answer' };
}
