// The Kaspa bridges' dialect: it begins as EthereumStratum/1.0.0 does; jobs are [id, four 64-bit numbers, time] or [id, hex], submits
// [address.worker, job, nonce]. The bridge sets a difficulty before the first job. Some answer subscribe by pushing
// set_extranonce under the request's id, which is no answer.
import { MiningReader } from './mining.ts';

/** `difficultyOne`: the target that difficulty 1 stands for; null where set_difficulty proves no work. */
export function kaspaReader(difficultyOne: bigint | null): MiningReader {
  return new MiningReader({ dialect: 'kaspa', difficultyOne, firstTarget: null });
}
