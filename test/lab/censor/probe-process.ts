// The real prober in the worker's namespace: one run as the worker makes it, of pool endpoints and the collector. argv[2] is a
// ProbeSpec in JSON; prints the records.
import { realClock } from '../../../platform/clock.ts';
import { netDeps } from '../../../reporter/net/deps.ts';
import { profileWith, type ProbeProfile } from '../../../reporter/net/profile.ts';
import { probeRun } from '../../../reporter/net/run.ts';
import { collectorRunTarget, poolTarget } from '../../../reporter/net/targets.ts';
import { parsePoolUrl } from '../../../stratum/pool-url.ts';

export interface ProbeSpec {
  pools: string[];
  collector: string;
  /** The collector is a target as well. */
  measures_collector: boolean;
  token: string;
  profile: Partial<ProbeProfile>;
}

const spec = JSON.parse(process.argv[2] ?? '') as ProbeSpec;
const pools = spec.pools.map((url) => {
  const parsed = parsePoolUrl(url);
  if ('complaints' in parsed) throw new Error(parsed.complaints.join('; '));
  return poolTarget(parsed.pool, 'bitcoin');
});
const { records } = await probeRun(
  {
    targets: spec.measures_collector ? [collectorRunTarget(spec.collector), ...pools] : pools,
    collectors: [{ url: spec.collector, pins: [], token: spec.token }],
    ...{ profile: profileWith(spec.profile), agent: 'spotrig-probe/lab', history: () => [] },
    ...{ isWatched: true, isBulkDue: spec.measures_collector, isFull: false, rest: new Map(), trace: () => undefined },
  },
  netDeps(realClock, Math.random),
);
process.stdout.write(`${JSON.stringify(records)}\n`);
