// The releases of this build. They are checked against their schema when the worker is bundled, not when it starts.
import pinned from './releases.json' with { type: 'json' };
import type { MinerRelease } from './releases.ts';

/** Of several releases of one miner, the first is the one that a bare name means. */
export const minerReleases = pinned as readonly MinerRelease[];
