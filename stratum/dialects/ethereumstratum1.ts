// NiceHash's EthereumStratum/1.0.0 (EthereumStratum_NiceHash_v1.0.0.txt, section III): subscribe names it, set_difficulty is a
// double, and before the first one difficulty 1 holds. Jobs are [id, seed hash, header hash, clean], submits [user, job, nonce].
import { MiningReader } from './mining.ts';

/** `difficultyOne`: as for Bitcoin; other algorithms than Ethereum's use this dialect too, with a difficulty of their own. */
export function ethereumStratum1Reader(difficultyOne: bigint | null): MiningReader {
  return new MiningReader({ dialect: 'ethereumstratum1', difficultyOne, firstTarget: difficultyOne });
}
