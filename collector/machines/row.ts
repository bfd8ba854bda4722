// A judged machine as the reader's API tells it. Pure.
import { formatExpected } from '../../wire/expected-gpus.ts';
import type { MachineRow } from '../../wire/machine-api.ts';
import type { MachineAdvice } from '../judge/advice.ts';
import { spentClore } from '../judge/cost.ts';
import { rateOf } from '../judge/exposure.ts';
import { type MachineFacts, promisedGpus } from '../judge/machine-facts.ts';

/** A claim says nothing of what comes longer after it. */
const CLAIM_FRESH_MS = 120_000;
/** Time that counts, which the shown rate is drawn from. */
const SHOWN_MS = 3_600_000;

/** `before`: the row of the last time, which knows since when the advice holds. */
export function machineRow(facts: MachineFacts, advised: MachineAdvice, before: MachineRow | null): MachineRow {
  const { order, host, hashrate, now_ms, expectation } = facts;
  const promised = promisedGpus(facts);
  const newest = hashrate.at(-1);
  const isFresh = newest !== undefined && now_ms - newest.at_ms <= CLAIM_FRESH_MS;
  const recent = facts.exposure.windows.filter(({ at_ms }) => now_ms - at_ms <= SHOWN_MS);
  const { rate_hs, low_hs, high_hs } = rateOf(recent);
  const { cost, advice } = advised;
  const at = new Date(now_ms).toISOString();
  const server = order?.server ?? serverNumber(host?.record.server ?? null);
  return {
    ...{ worker: facts.worker, server, host: order?.host ?? null, at },
    active: order === null || order.ended_at === null,
    promised: promised === null ? null : formatExpected(promised),
    bid_clore_day: order?.bid_clore_day ?? null,
    placed_at: order?.placed_at ?? null,
    ended_at: order?.ended_at ?? null,
    spent_clore: spentClore(facts),
    algo: newest?.record.algo ?? null,
    expected:
      expectation === null
        ? null
        : {
            ...{ rate_hs: expectation.rate_hs, low_hs: expectation.low_hs, high_hs: expectation.high_hs },
            ...{ source: expectation.source, says: expectation.says },
          },
    claimed_hs: isFresh ? newest.record.claimed_hs : null,
    ...{ delivered_hs: rate_hs, delivered_low_hs: low_hs, delivered_high_hs: high_hs },
    pool: poolOf(facts),
    paid_hs: cost.delivered_hs,
    clore_per_ths_day: cost.clore_per_ths_day,
    clore_per_ths_day_low: cost.clore_per_ths_day_low,
    clore_per_ths_day_high: cost.clore_per_ths_day_high,
    advice,
    advice_since:
      before?.advice === advice && before.placed_at === (order?.placed_at ?? null) ? before.advice_since : at,
    because: [...advised.because],
    against_host: advised.against_host,
    verdicts: [...advised.verdicts],
  };
}

function poolOf({ pool_figures }: MachineFacts): MachineRow['pool'] {
  const [newest] = pool_figures;
  if (newest === undefined) return null;
  const { api, pool_hs, listed, at_ms, as_of_ms } = newest;
  const as_of = as_of_ms === null ? null : new Date(as_of_ms).toISOString();
  return { api, pool_hs, listed, at: new Date(at_ms).toISOString(), as_of };
}

function serverNumber(text: string | null): number | null {
  return text !== null && /^\d{1,12}$/.test(text) ? Number(text) : null;
}
