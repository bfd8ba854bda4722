// Whether a machine hashes less than it should, by its shares, asked anew after each report without ever being wrong too often. Pure.
//
// Shares come as a Poisson process. Against "at least the expected rate" stand alternatives θ < 1: where λ shares are expected and k
// come, θ is more likely by L = θ^k·e^(λ(1-θ)) (Wald 1945, Annals of Mathematical Statistics 16; λ adds up over windows in which the
// pool asks for different work). A weighted mean of such ratios is a non-negative martingale with mean 1 while the rate is the
// expected one, and a supermartingale while it is higher, so by Ville's inequality it reaches 1/α in a whole life with probability α
// at most, however often one looks (Ville 1939; Robbins 1970, Annals of Mathematical Statistics 41). Wald's test with restarts would
// be wrong with α in each round. What it costs against Wald's is ln of the weight: docs/design/011-the-judge.md has the figures.

/** What one window of exposure showed. */
export interface ShareStep {
  /** Its end. */
  at_ms: number;
  /** Shares found in it. */
  found: number;
  /** Shares expected in it at the rate that is tested. */
  expected: number;
}

export interface SequentialSettings {
  /** Probability of a wrong alarm in a machine's whole life from its start on; and again as much for alarms of a later change. */
  alpha: number;
  /** Probability with which a machine at `proven_against` of the rate is taken for proven. */
  beta: number;
  /** Rates that are tried, as shares of the expected one, with weights of sum 1. */
  alternatives: readonly { rate: number; weight: number }[];
  /** A later change is looked for from the beginning of each such span; so many of them are reckoned with. */
  change_every_ms: number;
  changes_max: number;
  /** A machine is proven when it is so much likelier at its expected rate than at this share of it. */
  proven_against: number;
  /** An alarm ends when the machine is much likelier at its expected rate than at this share of it. */
  recovered_against: number;
}

/** Alternatives so close that a rate between two is found by both; an order lives 20 days at most: 480 hours. */
export const SEQUENTIAL: SequentialSettings = {
  alpha: 0.01,
  beta: 0.01,
  alternatives: [
    { rate: 0.35, weight: 0.05 },
    { rate: 0.62, weight: 0.28 },
    { rate: 0.78, weight: 0.31 },
    { rate: 0.9, weight: 0.36 },
  ],
  change_every_ms: 3_600_000,
  changes_max: 480,
  proven_against: 0.8,
  recovered_against: 0.85,
};

export interface SequentialResult {
  /** Since when it is too slow; null: nothing says so, or it has recovered. */
  slow_since_ms: number | null;
  /** An alarm that has ended. */
  recovered_ms: number | null;
  /** When it was first shown to deliver; null: not yet. Stays after that. */
  proven_ms: number | null;
  /** How much likelier "too slow" is than "as expected" now, by the mixture: 1/α is an alarm. */
  likelihood: number;
  /** Over all of it. */
  found: number;
  expected: number;
  /** Expected shares that had been waited for at the first alarm; null: none. */
  expected_at_alarm: number | null;
}

/** Steps are oldest first. The same steps and settings give the same result. */
export function sequentialTest(steps: readonly ShareStep[], s: SequentialSettings = SEQUENTIAL): SequentialResult {
  const fromStart = new Mixture(s.alternatives, 1);
  const fromLater = new Mixture(s.alternatives, 0);
  const threshold = 1 / s.alpha;
  const unproven = Math.log(s.beta / (1 - s.alpha));
  const proof = logRatio(s.proven_against);
  const recovery = logRatio(s.recovered_against);
  let spans = 0;
  let spanEndMs = steps[0] === undefined ? Infinity : steps[0].at_ms + s.change_every_ms;
  let againstProof = 0;
  let forRecovery = 0;
  const result: SequentialResult = {
    ...{ slow_since_ms: null, recovered_ms: null, proven_ms: null, likelihood: 1 },
    ...{ found: 0, expected: 0, expected_at_alarm: null },
  };
  for (const { at_ms, found, expected } of steps) {
    if (!(expected > 0) || !(found >= 0)) continue;
    result.found += found;
    result.expected += expected;
    while (at_ms > spanEndMs && spans < s.changes_max) {
      spanEndMs += s.change_every_ms;
      spans += 1;
      fromLater.begin(1 / s.changes_max);
    }
    result.likelihood = Math.max(fromStart.step(found, expected), fromLater.step(found, expected));
    againstProof += proof(found, expected);
    if (againstProof <= unproven) result.proven_ms ??= at_ms;

    if (result.slow_since_ms === null) {
      if (result.likelihood < threshold) continue;
      result.slow_since_ms = at_ms;
      result.recovered_ms = null;
      result.expected_at_alarm ??= result.expected;
      forRecovery = 0;
      continue;
    }
    forRecovery = Math.max(0, forRecovery - recovery(found, expected));
    if (forRecovery < -Math.log(s.alpha)) continue;
    result.slow_since_ms = null;
    result.recovered_ms = at_ms;
    // From here on only later changes are looked for: the start has had its α.
    fromStart.clear();
    fromLater.clear();
    result.likelihood = 0;
  }
  return result;
}

/** A dead machine's ratio grows without end; far beyond every threshold it says nothing more. */
const RATIO_MAX = 1e12;

/** A weighted mean of likelihood ratios, one for each alternative. */
class Mixture {
  readonly #rates: Float64Array;
  readonly #logs: Float64Array;
  readonly #weights: Float64Array;
  readonly #ratios: Float64Array;

  constructor(alternatives: SequentialSettings['alternatives'], share: number) {
    this.#rates = Float64Array.from(alternatives, ({ rate }) => rate);
    this.#logs = this.#rates.map(Math.log);
    this.#weights = Float64Array.from(alternatives, ({ weight }) => weight);
    this.#ratios = this.#weights.map((weight) => weight * share);
  }

  /** Tests that begin now join with this share of the weight. */
  begin(share: number): void {
    for (let i = 0; i < this.#ratios.length; i += 1) {
      this.#ratios[i] = (this.#ratios[i] ?? 0) + (this.#weights[i] ?? 0) * share;
    }
  }

  clear(): void {
    this.#ratios.fill(0);
  }

  /** The mean after one more window. */
  step(found: number, expected: number): number {
    let mean = 0;
    for (let i = 0; i < this.#ratios.length; i += 1) {
      const before = this.#ratios[i] ?? 0;
      if (before === 0) continue;
      const ratio = Math.exp(found * (this.#logs[i] ?? 0) + expected * (1 - (this.#rates[i] ?? 1)));
      const after = Math.min(before * ratio, RATIO_MAX);
      this.#ratios[i] = after;
      mean += after;
    }
    return mean;
  }
}

/**
 * Expected shares until Wald's own test (α and β as given, against exactly the true rate) decides for "slow", for a machine at `rate`
 * of the expected one: the least that any test with these errors needs (Wald 1945, formula 3.57; Wald and Wolfowitz 1948).
 */
export function waldExpectedShares(rate: number, alpha: number, beta: number): number {
  const up = Math.log((1 - beta) / alpha);
  const down = Math.log(beta / (1 - alpha));
  return ((1 - beta) * up + beta * down) / (rate * Math.log(rate) + 1 - rate);
}

/** How a window speaks for `rate` of the expected one against the expected one itself. */
function logRatio(rate: number): (found: number, expected: number) => number {
  const log = Math.log(rate);
  return (found, expected) => found * log + expected * (1 - rate);
}
