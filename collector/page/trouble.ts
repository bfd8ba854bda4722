// What is wrong with a worker, and how bad it is: the reason why a row stands at the top of the fleet.
import type { WorkerRow } from '../../wire/api.ts';

export type WorkerState = WorkerRow['state'];
/** How a state looks: each has a colour and an icon of its own shape. `mute`: not known. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'mute';

// Worst first: a machine that is paid for and silent, then one that speaks and does not hash, then one on its way.
const STATES: Record<WorkerState, { word: string; tone: Tone }> = {
  stuck: { word: 'stuck', tone: 'bad' },
  offline: { word: 'offline', tone: 'bad' },
  stalled: { word: 'stalled', tone: 'bad' },
  backing_off: { word: 'backing off', tone: 'warn' },
  stopped: { word: 'stopped', tone: 'warn' },
  preparing: { word: 'preparing', tone: 'busy' },
  starting: { word: 'starting', tone: 'busy' },
  dag: { word: 'building DAG', tone: 'busy' },
  hashing: { word: 'hashing', tone: 'good' },
};

/** All states, worst first. */
export const STATES_WORST_FIRST = Object.keys(STATES) as readonly WorkerState[];

/** A state in words for people. */
export function stateWord(state: WorkerState): string {
  return STATES[state].word;
}

/** The tone of a state alone, without what the figures say. */
export function stateTone(state: WorkerState): Tone {
  return STATES[state].tone;
}

/** Its figures are what was last heard, not what is now. */
export function isSilent(worker: WorkerRow): boolean {
  return worker.state === 'offline' || worker.state === 'stuck';
}

// A miner's fee shares do not pass the relay, and miners take up to 2 %: a claim this little above the proof is no lie.
const CLAIM_TOLERANCE = 0.03;
const REJECTED_MIN = 5;
const REJECTED_SHARE = 0.05;
const BRAKES = {
  hw_slowdown: 'hardware slowdown',
  hw_thermal_slowdown: 'heat',
  hw_power_brake_slowdown: 'power brake',
  sw_thermal_slowdown: 'heat',
} as const;

function gpuNotes(worker: WorkerRow): string[] {
  return worker.gpus.flatMap((gpu) => {
    const causes = new Set(
      (gpu.throttle ?? []).flatMap((reason) => (reason in BRAKES ? [BRAKES[reason as keyof typeof BRAKES]] : [])),
    );
    return causes.size === 0 ? [] : [`GPU ${gpu.index} is slowed by ${[...causes].join(' and ')}`];
  });
}

/** What the figures of a hashing worker say against it, one short clause each; empty when all is well. */
export function notesOf(worker: WorkerRow): string[] {
  if (worker.state !== 'hashing') return [];
  const notes: string[] = [];
  const { claimed_hs, delivered_high_hs, accepted, rejected } = worker;
  if (claimed_hs !== null && delivered_high_hs !== null && claimed_hs * (1 - CLAIM_TOLERANCE) > delivered_high_hs) {
    notes.push('claims more than its shares prove');
  }
  const share = rejected / (accepted + rejected);
  if (rejected >= REJECTED_MIN && share > REJECTED_SHARE)
    notes.push(`${Math.round(share * 100)} % of its shares are rejected`);
  return [...notes, ...gpuNotes(worker)];
}

/** The tone of a row: its state, or a warning where it hashes and its figures speak against it. */
export function toneOf(worker: WorkerRow): Tone {
  return notesOf(worker).length > 0 ? 'warn' : stateTone(worker.state);
}

/** Wants its owner's eye. */
export function isTrouble(worker: WorkerRow): boolean {
  const tone = toneOf(worker);
  return tone === 'warn' || tone === 'bad';
}

/** Place in the order worst first: troubled workers by state, then those on their way, then the hashing ones. */
export function severityRank(worker: WorkerRow): number {
  const rank = STATES_WORST_FIRST.indexOf(worker.state);
  const firstOnTheWay = STATES_WORST_FIRST.indexOf('preparing');
  return worker.state === 'hashing' && isTrouble(worker) ? firstOnTheWay - 0.5 : rank;
}
