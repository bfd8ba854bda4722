// Bitcoin's dialect and its kin: set_difficulty, KawPow's set_target (64 hex digits), Ergo's targets in the jobs.
import { MiningReader } from './mining.ts';

/**
 * Ergo's job: [id, height, message, "", "", version, b, …], b being the target in decimal digits (miningcore, ErgoPool.SendJob).
 * No other job of this dialect has so long a number there: Bitcoin's and KawPow's bits are 8 digits.
 */
function ergoTarget(job: unknown[], difficulty: unknown): bigint | null | undefined {
  const b = job[6];
  if (typeof b !== 'string' || !/^\d{20,78}$/.test(b)) return undefined;
  // Such a pool sends difficulty 1, or none. With another one, whether it counts on top of b is not the same for all.
  return difficulty === null || difficulty === 1 ? BigInt(b) : null;
}

/** `difficultyOne`: the target that this coin's pools mean by difficulty 1; null where set_difficulty proves no work. */
export function bitcoinReader(difficultyOne: bigint | null): MiningReader {
  return new MiningReader({ dialect: 'bitcoin', difficultyOne, firstTarget: null, jobTarget: ergoTarget });
}
