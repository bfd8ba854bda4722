// Verdicts by the collector: a worker's sample with its history, the control measurements around it, and how workers in other networks
// saw the same target. The worker's own verdict knew less.
import { messageOf } from '../../platform/errors.ts';
import { endOfTrial } from '../../stratum/probe/trial.ts';
import { CONTROL_FRESH_MS, type InsideControl } from '../../wire/control.ts';
import { type JudgeInput, judge } from '../../wire/judge.ts';
import type { AddressTrial, Network, ReachabilityRecord } from '../../wire/reachability.ts';
import { isSameFinding } from '../../wire/standing.ts';
import type { Verdict } from '../../wire/verdict.ts';
import type { NewestQuery, NewVerdict, StoredSample } from '../store/sample-store.ts';
import type { Store } from '../store/store.ts';

/** The newest sample of one worker and one target. */
export interface JudgedTarget {
  worker: string;
  at_ms: number;
  /** Where the worker's report came from, as the collector saw it. */
  network: Network;
  record: ReachabilityRecord;
  verdict: Verdict;
  /** Moment of the oldest sample since which this worker's verdicts on this target say the same. */
  since_ms: number;
}

const SAMPLES_MAX = 10_000;
/** A run an hour, and those beside it: as far back as a verdict looks. */
const HISTORY_MAX = 12;
/** Workers measure a target every quarter of an hour or more often; an older sample says little about now. */
const INSIDE_FRESH_MS = 1_200_000;
/** What an answer carries and a verdict weighs. */
const INSIDE_MAX = 8;
/** After it no control measurement comes that is fresh at the sample's time; a minute for reports on their way. */
const SETTLED_AFTER_MS = CONTROL_FRESH_MS + 60_000;

/** Who asks for inside controls: his own line and his own host tell him nothing new. */
export interface Asker {
  worker: string;
  network: Network;
  /** The market's server, where it is known. */
  server: string | null;
}

type Judged = NonNullable<StoredSample['judged']>;

/** Newest first; of samples not older than `since_ms`, of one worker, of one target, or of all. */
export async function judgedReachability(o: {
  store: Store;
  since_ms: number;
  of?: NewestQuery['of'];
}): Promise<JudgedTarget[]> {
  const found = await o.store.samples.newest({ since_ms: o.since_ms, limit: SAMPLES_MAX, of: o.of });
  const judged: JudgedTarget[] = [];
  for (const sample of found) {
    const { worker, at_ms, network, record } = sample;
    const { verdict, since_ms } = sample.judged ?? (await judgeSample(o.store, sample, new Map()));
    judged.push({ worker, at_ms, network, record, verdict, since_ms });
  }
  return judged;
}

/** Judges what is due, at most `limit` samples, and keeps the verdicts; how many there were. */
export async function judgeDue(store: Store, now_ms: number, limit: number): Promise<number> {
  const due = await store.samples.toJudge(now_ms, limit);
  const verdicts: NewVerdict[] = [];
  const fresh = new Map<number, Judged>();
  for (const sample of due) {
    const settled_at_ms = sample.at_ms + SETTLED_AFTER_MS;
    const judged = await judgeSample(store, sample, fresh);
    fresh.set(sample.id, judged);
    verdicts.push({ id: sample.id, ...judged, judge_at_ms: now_ms < settled_at_ms ? settled_at_ms : null });
  }
  if (verdicts.length > 0) await store.samples.keepVerdicts(verdicts);
  return verdicts.length;
}

/** How workers in other networks and on other hosts saw a target last, the newest of each network, newest first. */
export async function insideControls(
  store: Store,
  o: { target: string; asker: Asker; at_ms: number; until_ms: number },
): Promise<InsideControl[]> {
  const { asker, target, at_ms, until_ms } = o;
  const found = await store.samples.ofOtherNetworks({
    ...{ target, network_key: asker.network.key, until_ms, since_ms: at_ms - INSIDE_FRESH_MS },
    limit: INSIDE_MAX * 2,
  });
  return found
    .filter((sample) => isElsewhere(sample, asker))
    .slice(0, INSIDE_MAX)
    .map(({ network, at_ms: seen_at_ms, record }) => ({
      network: network.key,
      country: network.country,
      at_ms: seen_at_ms,
      operation: record.operation,
      failure: record.failure,
      ms: elapsedMs(record),
    }));
}

/** All that is known for a verdict on a stored sample. */
export async function judgeInput(store: Store, sample: StoredSample): Promise<JudgeInput> {
  const { at_ms, record } = sample;
  const target = record.target.url;
  const until_ms = at_ms + CONTROL_FRESH_MS;
  const [earlier, own, inside] = await Promise.all([
    store.samples.earlier(sample, HISTORY_MAX),
    store.samples.controls({ entry: target, since_ms: at_ms - CONTROL_FRESH_MS, until_ms }),
    insideControls(store, { target, asker: sample, at_ms, until_ms }),
  ]);
  const carried = record.controls.filter(({ entry }) => entry === target);
  // Stored moments are the collector's clock's; the judge takes them for the worker's and takes its skew out again.
  const skew_ms = record.clock_skew_ms ?? 0;
  return {
    sample: byWorkersClock(record, skew_ms),
    history: earlier.map((one) => byWorkersClock(one.record, skew_ms)),
    ...{ controls: [...own, ...carried], inside },
  };
}

function byWorkersClock(record: ReachabilityRecord, skew_ms: number): ReachabilityRecord {
  const { at_ms, baseline } = record;
  const moved = baseline === null ? null : { ...baseline, at_ms: baseline.at_ms + skew_ms };
  return { ...record, at_ms: at_ms + skew_ms, baseline: moved };
}

/** `fresh`: verdicts by sample id that are newer than the store's. */
async function judgeSample(store: Store, sample: StoredSample, fresh: ReadonlyMap<number, Judged>): Promise<Judged> {
  const verdict = verdictOn(await judgeInput(store, sample));
  const [earlier] = await store.samples.earlier(sample, 1);
  const before = earlier === undefined ? null : (fresh.get(earlier.id) ?? earlier.judged);
  const lasts = before !== null && isSameFinding(before.verdict.verdict, verdict.verdict);
  return { verdict, since_ms: lasts ? before.since_ms : sample.at_ms };
}

/** One sample that the judge stumbles over must not keep the others from their verdicts. */
function verdictOn(input: JudgeInput): Verdict {
  try {
    return judge(input);
  } catch (error) {
    const evidence = [`no verdict could be drawn: ${messageOf(error)}`];
    return {
      ...{ verdict: 'inconclusive', layer: null, method: null, scope: null },
      flags: [],
      confidence: 0,
      evidence,
    };
  }
}

/** Whether two samples stand for two lines: a rig behind the same address, or on the same server, is the same one. */
function isElsewhere(sample: StoredSample, asker: Asker): boolean {
  const sameServer = sample.server !== null && sample.server === asker.server;
  const sameAddress = sample.network.address !== null && sample.network.address === asker.network.address;
  return sample.worker !== asker.worker && !sameServer && !sameAddress;
}

/** From the first step to where the record ended, on one connection; null where no step was timed. */
function elapsedMs(record: ReachabilityRecord): number | null {
  const telling = record.addresses.findLast((trial) => endOfTrial(trial).operation === record.operation);
  if (telling === undefined) return null;
  const steps = (trial: AddressTrial): ({ ms: number | null } | null)[] => [trial.tcp, trial.tls, trial.stratum];
  const known = steps(telling).flatMap((step) => (step === null || step.ms === null ? [] : [step.ms]));
  return known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0);
}
