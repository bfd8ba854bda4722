// What a miner keeps of the work for its author: these shares go to his pool, not through the relay. facts/miners.md section 1.
import { referenceAlgo } from './reference-rates.ts';

/** In percent; `*`: the highest that its README tells, for an algorithm without a figure of its own. */
const FEES_PCT: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  't-rex': { kawpow: 1, autolykos2: 2, etchash: 1, '*': 2 },
  lolminer: { autolykos2: 1.5, etchash: 0.7, nexapow: 2, '*': 2 },
  gminer: { kawpow: 1, autolykos2: 2, etchash: 1, '*': 5 },
  rigel: { kawpow: 1, autolykos2: 1, etchash: 0.7, nexapow: 2, '*': 2 },
  bzminer: { kawpow: 1, autolykos2: 1, etchash: 0.5, nexapow: 2, '*': 2 },
  srbminer: { kawpow: 0.85, autolykos2: 1, etchash: 0.65, '*': 3 },
  teamredminer: { kawpow: 2, autolykos2: 2, etchash: 1, '*': 2 },
  wildrig: { kawpow: 0.75, nexapow: 2, '*': 5 },
  miniz: { kawpow: 1, etchash: 0.75, '*': 2 },
  nbminer: { kawpow: 2, autolykos2: 2, etchash: 1, '*': 3 },
  // Its donation goes through the same connection setting; 1 % is the default and the least.
  xmrig: { '*': 1 },
};
/** The highest of the table: a miner that is not known is not blamed for its fee. */
const UNKNOWN_FEE_PCT = 5;

/** The dev fee as a share of the work, 0 to 1. */
export function devFee(miner: string | null, algo: string | null): number {
  const fees = FEES_PCT[(miner ?? '').toLowerCase()];
  if (fees === undefined) return UNKNOWN_FEE_PCT / 100;
  const known = algo === null ? undefined : fees[referenceAlgo(algo) ?? algo.toLowerCase()];
  return (known ?? fees['*'] ?? UNKNOWN_FEE_PCT) / 100;
}
