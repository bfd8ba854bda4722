// Whether it stays.
import type { MachineFacts } from '../machine-facts.ts';
import { duration, percent, verdict, type Rule } from './rule.ts';

const FLAP_SPAN_MS = 7_200_000;
const FLAPS_TOLD = 6;
const FLAPS_BAD = 15;
const ENDS: readonly string[] = ['miner_exited', 'miner_restarting'];

/** Ends of the miner and of containers, in two hours. */
export const flapping: Rule = ({ events, now_ms }) => {
  const recent = events.filter(({ at_ms }) => now_ms - at_ms <= FLAP_SPAN_MS);
  const ends = recent.filter(({ record }) => ENDS.includes(record.event));
  const boots = new Set(recent.flatMap(({ boot, record }) => (record.event === 'worker_started' && boot !== null ? [boot] : []))); // prettier-ignore
  const starts = Math.max(0, boots.size - 1);
  const count = ends.length + starts;
  const [first] = ends.length > 0 ? ends : recent;
  if (count < FLAPS_TOLD || first === undefined) return null;
  const evidence = [
    `${ends.length} ends of the miner and ${starts} new starts of the container in ${duration(FLAP_SPAN_MS)}`,
  ];
  const newest = ends.at(-1);
  if (newest !== undefined) evidence.push(`last: ${newest.record.detail}`);
  return verdict('flapping', first.at_ms, count >= FLAPS_BAD ? 0.95 : 0.7, evidence);
};

const SILENT_TOLD_MS = 300_000;
const SILENT_BAD_MS = 1_800_000;
/** From so many others that fall silent at once on, the fault is here or in between. */
const COMMON_SILENCE = 0.5;
const POOL_SEES_MS = 1_200_000;

/** Reports no more. */
export const offline: Rule = (facts) => {
  const { last_report_ms, now_ms, peers, order } = facts;
  if (last_report_ms === null || (order !== null && order.ended_at !== null)) return null;
  // An earlier order's report under the same name says nothing of this one: that is no_hello's.
  if (order !== null && last_report_ms < Date.parse(order.placed_at)) return null;
  const silent_ms = now_ms - Math.max(last_report_ms, facts.listening_since_ms);
  if (silent_ms < SILENT_TOLD_MS) return null;
  const evidence = [`the last report came ${duration(now_ms - last_report_ms)} ago`];
  if (peers.silent_share !== null && peers.silent_share >= COMMON_SILENCE) {
    evidence.push(
      `${percent(peers.silent_share)} of your others fell silent with it: the fault is the collector's or its line's`,
    );
    return verdict('offline', last_report_ms, 0.3, evidence, 'owner');
  }
  if (isSeenAtPool(facts)) {
    evidence.push('its pool still gets shares from it: only its reports do not come through');
    return verdict('offline', last_report_ms, 0.4, evidence, 'path');
  }
  return verdict('offline', last_report_ms, silent_ms >= SILENT_BAD_MS ? 0.95 : 0.6, evidence);
};

function isSeenAtPool({ pool_figures, last_report_ms, now_ms }: MachineFacts): boolean {
  const [newest] = pool_figures;
  if (newest === undefined || newest.last_share_ms === null) return false;
  return newest.last_share_ms > (last_report_ms ?? 0) + SILENT_TOLD_MS && now_ms - newest.last_share_ms <= POOL_SEES_MS;
}

const DUPLICATE_MEMORY_MS = 3_600_000;

/** Two boots of one worker at once: the token is used twice. */
export const duplicateBoot: Rule = ({ events, now_ms }) => {
  const told = events.filter(
    ({ at_ms, record }) => record.event === 'duplicate_boot' && now_ms - at_ms <= DUPLICATE_MEMORY_MS,
  );
  const [first] = told;
  if (first === undefined) return null;
  const evidence = [
    'two containers reported as this worker at once: two orders use one name, or its token is used elsewhere',
  ];
  return verdict('duplicate_boot', first.at_ms, 0.9, evidence, 'owner');
};
