// What XMRig 6.x answers on its API (src/core/Miner.cpp at v6.26.0).
import * as z from 'zod/mini';
import { AmountOrNull, CountOrNull, NameOrNull, listOf, parseJson } from './api-fields.ts';
import type { MinerSample } from './miner.ts';

/** `GET /2/summary`. Hash rates are H/s over 10 s, 60 s and 15 min, null until that much time has passed; uptime in seconds. */
const Summary = z.object({
  ua: NameOrNull,
  version: NameOrNull,
  algo: NameOrNull,
  uptime: AmountOrNull,
  hashrate: z.object({ total: listOf(AmountOrNull) }),
  results: z.catch(z.object({ shares_good: CountOrNull, shares_total: CountOrNull }), {
    shares_good: null,
    shares_total: null,
  }),
});

/** `GET /2/summary` as a sample; null when it is none. Never throws. */
export function parseApi(text: string): MinerSample | null {
  const read = z.safeParse(Summary, parseJson(text));
  if (!read.success) return null;
  const s = read.data;
  const { shares_good: good, shares_total: all } = s.results;
  return {
    name: s.ua?.split('/')[0]?.toLowerCase() ?? null,
    version: s.version,
    algo: s.algo,
    uptime_s: s.uptime,
    claimed_hs: s.hashrate.total.find((rate) => rate !== null) ?? null,
    gpus: [],
    accepted: good,
    rejected: good !== null && all !== null && all >= good ? all - good : null,
  };
}
