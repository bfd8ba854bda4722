// What the readers see of reachability: each worker's newest sample of each target, judged with all that the collector knows.
import { judge } from '../../wire/judge.ts';
import type { Network, ReachabilityRecord } from '../../wire/reachability.ts';
import type { Verdict } from '../../wire/verdict.ts';
import type { Store } from '../store/store.ts';

/** The newest sample of one worker and one target. */
export interface JudgedTarget {
  worker: string;
  at_ms: number;
  /** Where the worker's report came from, as the collector saw it. */
  network: Network;
  record: ReachabilityRecord;
  verdict: Verdict;
  /** Moment of the oldest sample since which this worker's verdicts on this target have this name. */
  since_ms: number;
}

const RECORDS_MAX = 5000;
const UNKNOWN_NETWORK: Network = { address: null, asn: null, country: null, key: 'unknown' };

/** Newest first; of samples not older than `since_ms`. */
export async function judgedReachability(o: { store: Store; since_ms: number }): Promise<JudgedTarget[]> {
  const latest = new Map<string, JudgedTarget>();
  for (const { worker, at_ms, record } of await o.store.reachability(o.since_ms, RECORDS_MAX)) {
    const key = `${worker} ${record.target.url}`;
    if (latest.has(key)) continue;
    const verdict = judge({ sample: record, history: [], controls: [], inside: [] });
    latest.set(key, { worker, at_ms, network: record.egress ?? UNKNOWN_NETWORK, record, verdict, since_ms: at_ms });
  }
  return [...latest.values()];
}
