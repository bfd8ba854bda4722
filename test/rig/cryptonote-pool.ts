// The CryptoNote practice pool: the login/job dialect of Monero pools, good enough for a real xmrig.
// With `rx/0` its judgement is "claims checked, hash not recomputed": RandomX is not within reach here, so it compares the
// submitted hash with the target, and the nonce and the job with its books, but a miner could invent the hash.
// With `practice-sha256d` every share is recomputed (sha256d of the blob), so the dialect can be tested in full.
import { randomBytes } from 'node:crypto';
import { CryptonoteSession, type Block, type CryptonoteAlgo } from './cryptonote-session.ts';
import { runPoolCli } from './pool-cli.ts';
import { startPracticePool, type PracticePool, type PracticePoolOptions } from './practice-pool.ts';

export interface CryptonotePoolOptions extends PracticePoolOptions {
  algo?: CryptonoteAlgo;
  /** Hashes per share of the first job; default 100, right for RandomX light on a core or two. */
  startHashes?: number;
}

const LINE_MAX_BYTES = 8192;
const FIRST_HEIGHT = 3_200_000;

function makeBlock(height: number, seedHash: string): Block {
  return { height, prevId: randomBytes(32).toString('hex'), seedHash };
}

/** Starts the pool; rejects when the address is taken. */
export async function startCryptonotePool(options: CryptonotePoolOptions = {}): Promise<PracticePool> {
  const { startHashes = 100, algo = 'rx/0' } = options;
  // One seed for the pool's life: a new one makes a RandomX miner build its cache again.
  let block = makeBlock(FIRST_HEIGHT, randomBytes(32).toString('hex'));
  return startPracticePool(options, {
    lineMaxBytes: LINE_MAX_BYTES,
    minHashes: Math.min(2, startHashes),
    maxHashes: 4e9,
    join: (peer, context) => new CryptonoteSession(peer, context, { algo, startHashes, block: () => block }),
    advance(clean) {
      if (clean) block = makeBlock(block.height + 1, block.seedHash);
    },
  });
}

if (import.meta.main) {
  await runPoolCli({
    name: 'cryptonote-pool',
    about: 'Practice pool of the CryptoNote dialect, for xmrig (rx/0): claims checked, hash not recomputed.',
    extraFlags: { 'start-hashes': 'hashes per share of the first job (default 100)' },
    start: (options, { 'start-hashes': startHashes }) =>
      startCryptonotePool({ ...options, ...(startHashes === undefined ? {} : { startHashes }) }),
  });
}
