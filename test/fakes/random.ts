// Chance that comes out the same for the same seed.

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many of a Poisson process come where `mean` are expected: exponential gaps, as hashing makes them. */
export function poisson(mean: number, random: () => number): number {
  let n = -1;
  for (let t = 0; t <= mean; n += 1) t -= Math.log(1 - random());
  return n;
}
