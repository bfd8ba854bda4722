// Zcash's dialect, ZIP-301: set_target alone, submit [user, job, time, nonce, solution]. A share is a solution whose block hash is
// not above the target, so the work is counted in solutions and the rate in Sol/s.
import { MiningReader } from './mining.ts';

export function equihashReader(): MiningReader {
  return new MiningReader({ dialect: 'equihash', difficultyOne: null, firstTarget: null });
}
