// From the order to the first hash.
import type { MinerState } from '../../../wire/records.ts';
import type { MachineFacts } from '../machine-facts.ts';
import { duration, verdict, type Rule } from './rule.ts';

/** wget tries again each minute; the head says hello at its start. */
const HELLO_AFTER_MS = 600_000;
const HELLO_SURE_MS = 1_200_000;
/** A failed stage is tried again with pauses; a start with runtime and miner over a slow link takes minutes. */
const STAGE_FAILED_AFTER_MS = 300_000;
const FIRST_REPORT_AFTER_MS = 900_000;
const HASHING_AFTER_MS = 900_000;

const NOT_YET: readonly MinerState[] = ['preparing', 'starting', 'dag', 'stalled', 'backing_off', 'stopped'];

/** An order of which nothing was ever heard. */
export const noHello: Rule = (facts) => {
  const { order, now_ms } = facts;
  if (order === null || order.ended_at !== null) return null;
  const placed_ms = Date.parse(order.placed_at);
  const heard_ms = Math.max(facts.hello?.at_ms ?? -1, facts.last_report_ms ?? -1);
  if (heard_ms >= placed_ms) return null;
  const waited_ms = now_ms - Math.max(placed_ms, facts.listening_since_ms);
  if (waited_ms < HELLO_AFTER_MS) return null;
  const evidence = [`placed ${duration(now_ms - placed_ms)} ago, and neither a hello nor a report has come`];
  // A page saved in the script's place, or a path that leads nowhere, is not the host's doing.
  return verdict('no_hello', placed_ms, waited_ms < HELLO_SURE_MS ? 0.8 : 0.95, evidence, 'path');
};

/** A head that fails at a stage, or a worker that does not get its miner to hash. */
export const stuckAtStage: Rule = (facts) => stuckHead(facts) ?? stuckMiner(facts);

function stuckHead({ hello, last_report_ms, now_ms }: MachineFacts): ReturnType<Rule> {
  if (hello === null || (last_report_ms ?? -1) >= hello.at_ms) return null;
  const waited_ms = now_ms - hello.at_ms;
  if (hello.code === 0) {
    if (waited_ms < FIRST_REPORT_AFTER_MS) return null;
    const evidence = [`hello at stage ${hello.stage} ${duration(waited_ms)} ago, and no report since`];
    return verdict('stuck_at_stage', hello.at_ms, 0.9, evidence, 'path');
  }
  if (waited_ms < STAGE_FAILED_AFTER_MS) return null;
  const evidence = [
    `stage ${hello.stage} failed with code ${hello.code} ${duration(waited_ms)} ago, and nothing came since`,
  ];
  const blame =
    hello.stage === 'settings' ? 'owner' : hello.stage === 'disk' || hello.stage === 'lock' ? 'host' : 'path';
  return verdict('stuck_at_stage', hello.at_ms, 0.9, evidence, blame);
}

function stuckMiner({ hashrate, shares, now_ms }: MachineFacts): ReturnType<Rule> {
  const newest = hashrate.at(-1);
  if (newest === undefined || now_ms - newest.at_ms > STAGE_FAILED_AFTER_MS) return null;
  const hashed = hashrate.findLast(({ record }) => !NOT_YET.includes(record.state));
  const since_ms = hashrate.find(({ at_ms }) => at_ms > (hashed?.at_ms ?? -Infinity))?.at_ms ?? newest.at_ms;
  if (newest === hashed || now_ms - since_ms < HASHING_AFTER_MS) return null;
  const { state, miner } = newest.record;
  const loggedIn = shares.some(({ at_ms, record }) => at_ms > since_ms && record.connected_ms > 0);
  const evidence = [`${miner} has not hashed for ${duration(now_ms - since_ms)}; it is ${state.replace('_', ' ')} now`];
  // Without a pool there is nothing to hash for, and what cannot be fetched does not start.
  const isPaths = (!loggedIn && state === 'stalled') || state === 'preparing';
  if (isPaths) evidence.push(state === 'preparing' ? 'it fetches its programs' : 'it was not logged in at any pool');
  return verdict('stuck_at_stage', since_ms, 0.9, evidence, isPaths ? 'path' : 'host');
}
