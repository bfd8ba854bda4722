// The part of the store that keeps reachability: workers' samples with the network they came from, control samples, verdicts. A
// verdict is drawn after the sample is stored, and once more when its controls are there (collector/judging.ts).
import type { ControlSample, Network, ReachabilityRecord } from '../../wire/reachability.ts';
import type { Verdict, VerdictName } from '../../wire/verdict.ts';
import type { Timed } from './store.ts';

/** A worker's sample of one target. */
export interface StoredSample extends Timed<ReachabilityRecord> {
  id: number;
  worker: string;
  /** Where the report came from, as the collector saw it. */
  network: Network;
  /** The market's id of the server, where the order said it. */
  server: string | null;
  /** By the collector; null before the first look. */
  judged: { verdict: Verdict; since_ms: number } | null;
}

export interface NewVerdict {
  id: number;
  verdict: Verdict;
  /** Moment of the oldest sample since which this worker's verdicts on this target say the same. */
  since_ms: number;
  /** When it is to be judged again; null: it is settled. */
  judge_at_ms: number | null;
}

export interface NewestQuery {
  since_ms: number;
  limit: number;
  of?: { worker: string } | { target: string } | undefined;
}

/** A judged sample in short. */
export interface Finding {
  at_ms: number;
  /** The target's url. */
  target: string;
  verdict: VerdictName;
}

/** Times are unix ms of the collector's clock. Samples come newest first. Methods reject like the store's. */
export interface SampleStore {
  /** Samples are added with their reports. */
  addControl(sample: ControlSample): Promise<void>;
  keepVerdicts(verdicts: readonly NewVerdict[]): Promise<void>;

  /** The newest sample of each worker and target, of those since this moment; of one worker or of one target (its url), or of all. */
  newest(query: NewestQuery): Promise<StoredSample[]>;
  /** What was found of a worker's targets since a moment, as far as it is judged; newest first. */
  findings(query: { worker: string; since_ms: number; limit: number }): Promise<Finding[]>;
  /** Samples of the same worker and target before a sample. */
  earlier(sample: StoredSample, limit: number): Promise<StoredSample[]>;
  /** The newest sample of the target (its url) in each network but one. */
  ofOtherNetworks(query: {
    target: string;
    network_key: string;
    since_ms: number;
    until_ms: number;
    limit: number;
  }): Promise<StoredSample[]>;
  /** Of one entry, newest first. */
  controls(query: { entry: string; since_ms: number; until_ms: number }): Promise<ControlSample[]>;
  /** Samples whose time to be judged has come, oldest first. */
  toJudge(now_ms: number, limit: number): Promise<StoredSample[]>;
  /** Which of the market's servers a worker runs on; null where it is not known. */
  serverOf(worker: string): Promise<string | null>;
}
