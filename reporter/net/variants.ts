// The same with one thing changed, after a failure: what flips the result names the filter. Innocent ones come before those that
// trigger, because a filter may punish a trigger for minutes.
import type { ProbeDeps } from '../../stratum/probe/connection.ts';
import { firstRequest, type FirstRequest } from '../../stratum/probe/first-request.ts';
import type { TlsShape } from '../../stratum/probe/tls.ts';
import { endOfTrial, tryAddress, type Question, type TrialPlan } from '../../stratum/probe/trial.ts';
import type { Operation } from '../../wire/failure.ts';
import type { AddressTrial, Variant } from '../../wire/reachability.ts';
import type { Peer, RunContext, RunTarget } from './context.ts';
import { prefixOf, variantPlan } from './plan.ts';

type VariantName = Variant['variant'];

/** How another endpoint of the same pool did in this run. */
export interface Sibling {
  target: RunTarget['target'];
  operation: Operation | null;
  failure: Variant['failure'];
  address: string | null;
}

export interface VariantInput {
  target: RunTarget;
  /** Where it failed, and the address where it came that far. */
  failedAt: Operation;
  address: string | null;
  siblings: readonly Sibling[];
  collector: Peer | null;
}

/** A line that no filter looks for. */
const INNOCENT_LINE: FirstRequest = { method: 'hello', line: '{"id":1,"hello":"spotrig"}\n', hasLogin: false };

/** Tries them one after the other with a pause between connections. Never rejects. */
export async function tryVariants(input: VariantInput, c: RunContext): Promise<Variant[]> {
  const { target } = input.target;
  const done: Variant[] = [];
  for (const name of variantPlan(target, input.failedAt, input.collector !== null)) {
    const variant = await tryVariant(name, input, c);
    if (variant === null) continue;
    done.push(variant);
    c.trace({
      target: target.url,
      what: `variant ${name}`,
      ms: variant.ms,
      failure: variant.failure,
      note: variant.operation === null ? 'works' : `fails at ${variant.operation}`,
    });
  }
  return done;
}

async function tryVariant(name: VariantName, input: VariantInput, c: RunContext): Promise<Variant | null> {
  const { target } = input.target;
  switch (name) {
    case 'alt_port':
      return sibling(name, input, ({ host, port }) => host === target.host && port !== target.port);
    case 'alt_region':
      return sibling(name, input, ({ host }) => host !== target.host);
    case 'no_sni':
      return atPool(name, { sni: null }, input, c);
    case 'innocent_sni':
      return atPool(name, { sni: c.profile.innocent_sni }, input, c);
    case 'split_hello':
      return atPool(name, { splitHello: true }, input, c);
    case 'tls12':
      return atPool(name, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, input, c);
    case 'tls13':
      return atPool(name, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }, input, c);
    case 'innocent_at_collector':
    case 'innocent_again':
      return atCollector(name, { sni: c.profile.innocent_sni, request: INNOCENT_LINE }, input, c);
    case 'at_collector':
      return atCollector(name, { sni: target.sni, request: requestOf(input.target, c.agent) }, input, c);
  }
}

/** A result that this run already has; one that works tells more than one that does not. */
function sibling(
  variant: VariantName,
  input: VariantInput,
  isOne: (target: Sibling['target']) => boolean,
): Variant | null {
  const found = input.siblings.filter((s) => isOne(s.target));
  const best = found.find((s) => s.operation === null) ?? found[0];
  if (best === undefined) return null;
  const { address, operation, failure } = best;
  return { variant, address, operation, failure, ms: null, tx_unacked_bytes: null, retransmits: null };
}

async function atPool(
  variant: VariantName,
  shape: Partial<TlsShape>,
  input: VariantInput,
  c: RunContext,
): Promise<Variant | null> {
  const { address } = input;
  if (address === null) return null;
  await c.clock.sleep(c.profile.variant_pause_ms);
  const { trial } = await locked(c, address, {
    ...{ target: input.target.target, address, attempt: 0, upTo: 'tls', question: { kind: 'none' } },
    ...{ shape: { ...input.target.tls, ...shape }, agent: c.agent, limits: c.limits },
  });
  return asVariant(variant, trial, endOfTrial(trial));
}

/** The collector's port speaks something else: any byte or FIN that comes back proves that the path carries our words. */
async function atCollector(
  variant: VariantName,
  words: { sni: string | null; request: FirstRequest | null },
  input: VariantInput,
  c: RunContext,
): Promise<Variant | null> {
  const { collector, target } = input;
  if (collector === null) return null;
  const isHello = input.failedAt === 'tls_handshake';
  if (!isHello && words.request === null) return null;
  const question: Question =
    isHello || words.request === null ? { kind: 'none' } : { kind: 'stratum', request: words.request };
  await c.clock.sleep(c.profile.variant_pause_ms);
  const { trial } = await locked(c, collector.address, {
    target: { host: collector.host, port: collector.port, tls: isHello, sni: isHello ? words.sni : null },
    ...{ address: collector.address, attempt: 0, upTo: 'answer', question },
    ...{ shape: isHello ? target.tls : {}, agent: c.agent, limits: c.limits },
  });
  const end = endOfTrial(trial);
  const answered = (trial.tls?.rx_raw_bytes ?? 0) > 0 || (trial.stratum?.rx_raw_bytes ?? 0) > 0;
  const isWell = answered || end.failure === 'eof_error';
  return asVariant(variant, trial, isWell ? { operation: null, failure: null } : end);
}

function locked(c: RunContext, address: string, plan: TrialPlan) {
  const dial = (deps: ProbeDeps) => tryAddress(plan, deps);
  return plan.target.tls ? c.locks.hold(prefixOf(address), () => dial(c.deps.probe)) : dial(c.deps.probe);
}

function asVariant(variant: VariantName, trial: AddressTrial, end: Pick<Variant, 'operation' | 'failure'>): Variant {
  const last = trial.stratum ?? trial.tls;
  const { tx_unacked_bytes = null, retransmits = null } = last ?? {};
  return {
    variant,
    address: trial.address,
    ...end,
    ms: last?.ms ?? trial.tcp?.ms ?? null,
    tx_unacked_bytes,
    retransmits,
  };
}

/** Step 1 of the target; null where nothing is known to say to it. */
export function requestOf({ target, login }: RunTarget, agent: string): FirstRequest | null {
  if (target.dialect === null) return null;
  return firstRequest({ dialect: target.dialect, host: target.host, port: target.port, agent, login });
}
