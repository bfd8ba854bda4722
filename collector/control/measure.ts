// One control measurement: one resolution, every address held against the refused ranges, then the same steps as a worker's, to
// literal addresses. No name is looked up twice, so a name that changes its answer changes nothing.
import type { Clock } from '../../platform/clock.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { type IpRange, isInRanges } from '../../platform/ip-ranges.ts';
import { deepestEnd } from '../../stratum/probe/trial.ts';
import type { Failure } from '../../wire/failure.ts';
import type { AddressTrial, ControlSample, Target } from '../../wire/reachability.ts';
import type { Pacer } from './pacer.ts';
import type { Resolve } from './resolver.ts';

export interface MeasureDeps {
  /** This vantage point's name. */
  by: string;
  refuse: readonly IpRange[];
  clock: Clock;
  pacer: Pacer;
  resolve: Resolve;
  /** Tries one literal address; never rejects for the network. */
  attempt(target: Target, address: string, attempt: number): Promise<AddressTrial>;
}

/** Connections of one measurement; the first that goes well is the last. Pools take about this many for courtesy. */
const TRIES = 3;
const ADDRESSES_MAX = 16;
/** What the collector's own line or machine lacks, for example IPv6. It says nothing about the pool. */
const OWN_FAULTS: ReadonlySet<Failure> = new Set([
  'network_unreachable',
  'network_down',
  'address_not_available',
  'no_buffer_space',
  'permission_denied',
  'interrupted',
]);

/** Measures one endpoint. Rejects with `no_line` where only the collector's own line failed, and when the pacer was ended. */
export async function measure(target: Target, deps: MeasureDeps): Promise<ControlSample> {
  const { clock, pacer } = deps;
  const at_ms = clock.nowMs();
  const resolved = await deps.resolve(target.host);
  const addresses = resolved.addresses.filter((address) => !isInRanges(deps.refuse, address)).slice(0, ADDRESSES_MAX);
  const isRefused = addresses.length === 0 && resolved.addresses.length > 0;
  const dns_failure = isRefused ? 'dns_bogon_error' : resolved.failure;

  const goal = goalOf(target);
  const trials: AddressTrial[] = [];
  for (const [attempt, address] of addresses.slice(0, TRIES).entries()) {
    const trial = await pacer.run(target.host, () => deps.attempt(target, address, attempt));
    trials.push(trial);
    if (deepestEnd([trial], goal, null).operation === null) break;
  }
  const telling = trials.filter((trial) => !OWN_FAULTS.has(trial.tcp?.failure ?? 'generic_timeout_error'));
  if (trials.length > 0 && telling.length === 0) {
    throw new SpotrigError('no_line', `${target.url}: this machine has no way to its addresses`, { retryable: true });
  }
  const end = deepestEnd(telling, goal, dns_failure);
  return { entry: target.url, by: deps.by, at_ms, ...end, addresses, dns_failure, trials };
}

/** The last step that is tried: an unknown dialect has no first line. */
export function goalOf(target: Target): 'tcp' | 'tls' | 'stratum' {
  if (target.dialect !== null && target.dialect !== 'unknown') return 'stratum';
  return target.tls ? 'tls' : 'tcp';
}
