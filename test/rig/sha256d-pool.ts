// The practice pool of the rig: stratum V1 over sha256d, Bitcoin-style difficulty, every share verified in full.
// Works on loopback and for tests; it has no chain behind it, so no share is ever worth anything.
import { runPoolCli } from './pool-cli.ts';
import { startPracticePool, type PracticePool, type PracticePoolOptions } from './practice-pool.ts';
import { makeTemplate } from './sha256d-job.ts';
import { Sha256dSession } from './sha256d-session.ts';
import { expectedHashes, targetOfDifficulty } from './share-target.ts';

export interface Sha256dPoolOptions extends PracticePoolOptions {
  /** Default 2e-5, about 86,000 hashes per share. */
  startDifficulty?: number;
}

const LINE_MAX_BYTES = 4096;
const FIRST_HEIGHT = 840_000;
/** Below this, shares of a fast miner would come faster than anyone wants to read them. */
const LEAST_HASHES = 1000;

/** Starts the pool; rejects when the address is taken, or with RangeError for a difficulty that is none. */
export async function startSha256dPool(options: Sha256dPoolOptions = {}): Promise<PracticePool> {
  const { startDifficulty = 2e-5 } = options;
  let template = makeTemplate(FIRST_HEIGHT, null, Date.now());
  return startPracticePool(options, {
    lineMaxBytes: LINE_MAX_BYTES,
    minHashes: Math.min(LEAST_HASHES, expectedHashes(targetOfDifficulty(startDifficulty))),
    maxHashes: 1e15,
    join: (peer, context) => new Sha256dSession(peer, context, startDifficulty, () => template),
    advance(clean) {
      template = makeTemplate(template.height + (clean ? 1 : 0), clean ? null : template.prevhash, Date.now());
    },
  });
}

if (import.meta.main) {
  await runPoolCli({
    name: 'sha256d-pool',
    about: 'Practice stratum pool: sha256d, Bitcoin-style difficulty, every share verified in full.',
    extraFlags: { 'start-difficulty': 'difficulty of the first job (default 2e-5)' },
    start: (options, { 'start-difficulty': startDifficulty }) =>
      startSha256dPool({ ...options, ...(startDifficulty === undefined ? {} : { startDifficulty }) }),
  });
}
