// Every attempt of the ladder as a reachability sample. The way is measured step by step with the prober's own steps before frpc is
// started, and where it failed once more when frpc is gone: never two connections to one frps at once.
import { isIP } from 'node:net';
import { promises as dns } from 'node:dns';
import type { Clock } from '../../platform/clock.ts';
import { readTextIfPresent } from '../../platform/durable-file.ts';
import { failureOf } from '../../stratum/failure-of.ts';
import { endpointOf, serverNameOf } from '../../stratum/frp-rungs.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { bracketed } from '../../stratum/address.ts';
import { probeDeps } from '../../stratum/probe/connection.ts';
import type { Trust } from '../../stratum/probe/tls.ts';
import { endOfTrial, tryAddress } from '../../stratum/probe/trial.ts';
import { judge } from '../../wire/judge.ts';
import type { AddressTrial, DnsAnswer, ReachabilityRecord, Stall, Target } from '../../wire/reachability.ts';
import type { CanaryResult } from './canary.ts';
import type { Outcome, Way } from './ladder.ts';
import type { FrpCa } from './settings.ts';

/** Half of the prober’s: the login that failed has waited long already, and the next rung waits for this. */
const LIMITS = { tcp_ms: 5_000, tls_ms: 5_000, reply_ms: 5_000, ack_ms: 2_000, close_ms: 500 };
/** The verdict wants to see a failure twice. */
const ATTEMPTS = 2;
const ATTEMPT_PAUSE_MS = 1_000;
const ADDRESSES_MAX = 4;
const CA_MAX_BYTES = 1024 * 1024;

/** What was seen of a way before its frpc was started. */
export interface Before {
  answers: DnsAnswer[];
  /** One of each address, up to the first that went well. */
  trials: AddressTrial[];
}

/** What is known of one attempt. */
export interface Attempt {
  address: FrpAddress;
  way: Way;
  outcome: Outcome;
  /** From frpc's start to its login, to a quarter of a second; null: it did not come to it, or was logged in already. */
  login_ms: number | null;
  /** null where the attempt did not come to it. */
  canary: CanaryResult | null;
  /** null: frpc ran already. */
  before: Before | null;
  ca: FrpCa;
}

/** Where a way connects, as a target's name and place. */
export function targetOf(address: FrpAddress, { rung, name: otherName }: Way): Target {
  const { host, port } = endpointOf(address, rung) ?? address;
  const url = `frp+${rung}://${bracketed(host)}:${String(port)}`;
  const name = serverNameOf(address, rung, otherName);
  const sni = rung === 'ssh' || isIP(name) !== 0 ? null : name;
  return { role: 'frps', url, host, port, tls: rung !== 'ssh', sni, dialect: null };
}

/** Measures a way once. Never rejects for the network. */
export async function lookBefore(address: FrpAddress, way: Way, ca: FrpCa, clock: Clock): Promise<Before> {
  const target = targetOf(address, way);
  const answers = await lookUp(target.host, clock);
  const plan = { target, way, trust: await trustOf(address, way, ca), clock };
  const trials: AddressTrial[] = [];
  for (const one of addressesOf(target, answers)) {
    const trial = await tryOnce(one, 0, plan);
    trials.push(trial);
    if (endOfTrial(trial).operation === null) break;
  }
  return { answers, trials };
}

/** The sample, with a verdict. `history`: earlier ones of the same target, newest first. Never rejects for the network. */
export async function sampleOf(
  attempt: Attempt,
  history: readonly ReachabilityRecord[],
  clock: Clock,
): Promise<ReachabilityRecord> {
  const { address, way, outcome, login_ms, canary, before, ca } = attempt;
  const target = targetOf(address, way);
  const at_ms = clock.nowMs();
  const answers = before?.answers ?? (await lookUp(target.host, clock));
  const found = addressesOf(target, answers);
  const carried = canary !== null && canary.bytes > 0;
  const trials = [...(before?.trials ?? [])];
  if (outcome === 'up' || carried) {
    // frpc came through, also where the look before it did not: how long its own steps took is its own knowledge.
    const isSeen = trials.some((trial) => endOfTrial(trial).operation === null);
    if (!isSeen)
      trials.push(...found.slice(0, 1).map((one) => wellTrial(one, trials.length === 0 ? 0 : 1, target.tls)));
  } else {
    const plan = { target, way, trust: await trustOf(address, way, ca), clock };
    trials.push(...(await tryAll(found, before === null ? 0 : 1, plan)));
  }
  const sample: ReachabilityRecord = {
    ...{ kind: 'reachability', at_ms, target, ...failureOfAttempt(attempt, trials, answers), baseline: null },
    ...{
      dns: answers,
      addresses: trials,
      control_addresses: [],
      attempts: trials.at(-1) === undefined ? 1 : (trials.at(-1)?.attempt ?? 0) + 1,
    },
    ...{
      controls: [],
      variants: [],
      stalls: stallsOf(attempt),
      bulk: [],
      egress: null,
      clock_skew_ms: null,
      verdict: null,
    },
    ...(login_ms === null && canary === null
      ? {}
      : { frp: { login_ms, canary_bytes: canary?.bytes ?? null, canary_ms: canary?.ms ?? null } }),
  };
  return { ...sample, verdict: judge({ sample, history, controls: [], inside: [] }) };
}

async function lookUp(host: string, clock: Clock): Promise<DnsAnswer[]> {
  if (isIP(host) !== 0) return [];
  const begun = clock.monoMs();
  const about = { resolver: 'system', transport: 'system' as const, family: 'A' as const, late: [] as string[] };
  try {
    const found = await dns.lookup(host, { family: 4, all: true });
    const addresses = found.map(({ address }) => address).slice(0, 16);
    return [{ ...about, addresses, failure: null, ms: clock.monoMs() - begun }];
  } catch (error) {
    return [{ ...about, addresses: [], failure: failureOf(error), ms: clock.monoMs() - begun }];
  }
}

function addressesOf(target: Target, answers: readonly DnsAnswer[]): string[] {
  const found = isIP(target.host) === 0 ? answers.flatMap(({ addresses }) => addresses) : [target.host];
  return found.slice(0, ADDRESSES_MAX);
}

/** As frpc checks it: the authority of the settings, and the rung's name. A file that cannot be read is frpc's to complain of. */
async function trustOf(address: FrpAddress, { rung, name }: Way, ca: FrpCa): Promise<Trust | undefined> {
  if (rung === 'ssh') return undefined;
  const pem = 'pem' in ca ? ca.pem : await readTextIfPresent(ca.path, CA_MAX_BYTES).catch(() => null);
  return pem === null ? undefined : { ca: pem, name: serverNameOf(address, rung, name) };
}

interface Plan {
  target: Target;
  way: Way;
  trust: Trust | undefined;
  clock: Clock;
}

async function tryOnce(address: string, attempt: number, { target, way, trust, clock }: Plan): Promise<AddressTrial> {
  const { trial } = await tryAddress(
    {
      ...{ target, address, attempt, agent: '', limits: LIMITS, question: { kind: 'none' }, trust },
      ...{ upTo: target.tls ? 'tls' : 'tcp', shape: { isSmall: way.rung === 'tls_classic' } },
    },
    probeDeps(clock),
  );
  return trial;
}

/** Every address, until all went well or ATTEMPTS were made; `first` is the ordinal of the first one. */
async function tryAll(addresses: readonly string[], first: number, plan: Plan): Promise<AddressTrial[]> {
  const trials: AddressTrial[] = [];
  for (let attempt = first; attempt < ATTEMPTS; attempt++) {
    if (attempt > first) await plan.clock.sleep(ATTEMPT_PAUSE_MS);
    for (const address of addresses) trials.push(await tryOnce(address, attempt, plan));
    if (trials.every((trial) => endOfTrial(trial).operation === null)) break;
  }
  return trials;
}

function wellTrial(address: string, attempt: number, tls: boolean): AddressTrial {
  const step = { failure: null, ms: null };
  const nothing = { protocol: null, alert: null, spki_sha256: null, issuer: null, rx_raw_bytes: null };
  const secured = { ...step, ...nothing, tx_unacked_bytes: null, retransmits: null };
  return { address, attempt, tcp: step, tls: tls ? secured : null, stratum: null, http: null };
}

/** A way that connects and then carries nothing, or too little, fails at the transfer. */
function failureOfAttempt(
  { outcome }: Attempt,
  trials: readonly AddressTrial[],
  answers: readonly DnsAnswer[],
): Pick<ReachabilityRecord, 'operation' | 'failure'> {
  if (outcome === 'up') return { operation: null, failure: null };
  const [answer] = answers;
  if (answer !== undefined && answer.failure !== null) return { operation: 'resolve', failure: answer.failure };
  const failed = trials.map(endOfTrial).findLast(({ operation }) => operation !== null);
  if (failed !== undefined) return failed;
  switch (outcome) {
    case 'frozen':
    case 'slow':
    case 'login_timeout':
    case 'hello':
      return { operation: 'transfer', failure: 'generic_timeout_error' };
    case 'canary_failed':
      return { operation: 'transfer', failure: 'connection_reset' };
    case 'tls_bad':
      return { operation: 'tls_handshake', failure: 'ssl_unknown_authority' };
    // Nothing is wrong with the way: what frps has against the worker is told by an event.
    case 'login_refused':
    case 'no_tcp':
    case 'no_program':
      return { operation: null, failure: null };
  }
}

/** A canary that fell silent, as what it was: a connection that worked and then stood still. */
function stallsOf({ canary }: Attempt): Stall[] {
  if (canary === null || canary.kind !== 'frozen') return [];
  const unknown = { packets: null, idle_ms: null, tx_unacked_bytes: null, retransmits: null };
  return [{ ...unknown, raw_bytes: canary.bytes, messages: 0, age_ms: canary.ms, end: 'silence' }];
}
