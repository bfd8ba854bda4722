// The regularised incomplete gamma functions and their inverse: what exact Poisson intervals need. Relative accuracy of
// a quantile is better than 1e-9 for every shape ≥ 0.5.

/** Above this shape the Wilson-Hilferty form is closer than 1e-9, and the series below would take thousands of terms. */
const LARGE_SHAPE = 1e7;
const EPSILON = 2 ** -53;

/** ln Γ*(a), the part of ln Γ(a) that Stirling's formula leaves: DLMF 5.11.1 for a ≥ 12, else down the recurrence 5.5.1. */
function lnStirlingRest(a: number): number {
  let shift = 0;
  let b = a;
  while (b < 12) {
    // ln Γ*(b) - ln Γ*(b+1) = (b + 1/2) ln(1 + 1/b) - 1
    shift += (b + 0.5) * Math.log1p(1 / b) - 1;
    b += 1;
  }
  const s = 1 / (b * b);
  return shift + (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))))) / b;
}

/** μ - ln(1 + μ) with μ = x/a - 1; near μ = 0 by its Taylor series, which does not cancel. */
function logRest(a: number, x: number): number {
  const mu = (x - a) / a;
  if (Math.abs(mu) > 0.1) return mu - Math.log(x / a);
  let sum = 0;
  let power = mu;
  for (let k = 2; ; k += 1) {
    power *= -mu;
    const term = -power / k;
    sum += term;
    if (Math.abs(term) <= EPSILON * Math.abs(sum)) return sum;
  }
}

/** x^a e^-x / Γ(a+1), by DLMF 8.12.7 in its scaled form: exact also where x^a alone would overflow. */
function kernel(a: number, x: number): number {
  return Math.exp(-a * logRest(a, x) - lnStirlingRest(a)) / Math.sqrt(2 * Math.PI * a);
}

/** The smaller tail of the gamma distribution at x, and which one it is. */
function tails(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  const front = kernel(a, x);
  if (x < a + 1) {
    // Series DLMF 8.11.4: P(a,x) = x^a e^-x / Γ(a+1) · (1 + x/(a+1) + x²/((a+1)(a+2)) + …)
    let term = 1;
    let sum = 1;
    for (let n = 1; term > EPSILON * sum; n += 1) {
      term *= x / (a + n);
      sum += term;
    }
    const lower = Math.min(1, front * sum);
    return { lower, upper: 1 - lower };
  }
  // Continued fraction DLMF 8.9.2 by Lentz's method: Q(a,x) = x^a e^-x / Γ(a) · 1/(x+1-a- 1(1-a)/(x+3-a- …))
  let b = x + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let h = d;
  for (let n = 1; ; n += 1) {
    const an = n * (a - n);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const delta = c * d;
    h *= delta;
    if (Math.abs(delta - 1) <= 2 * EPSILON) break;
  }
  const upper = Math.min(1, front * a * h);
  return { lower: 1 - upper, upper };
}

/** The x above which a standard normal has the probability p: its square is a χ² of one degree, a gamma of shape ½. */
function normalUpperQuantile(p: number): number {
  return p > 0.5 ? -normalUpperQuantile(1 - p) : Math.sqrt(2 * gammaQuantile(0.5, 'upper', 2 * p));
}

/**
 * The x that leaves `probability` of a gamma distribution (shape ≥ 0.5, scale 1) in the named tail. Half of a χ² quantile
 * with 2·shape degrees of freedom. The tail is named, not turned into its complement, so that small ones stay exact.
 * Newton's method inside a bracket; for large shapes Wilson and Hilferty 1931 (relative error of order shape^-1.5).
 */
export function gammaQuantile(shape: number, tail: 'lower' | 'upper', probability: number): number {
  if (!(shape >= 0.5) || !(probability >= 0 && probability <= 1)) return Number.NaN;
  if (probability === 0) return tail === 'lower' ? 0 : Infinity;
  if (probability === 1) return tail === 'lower' ? Infinity : 0;
  if (shape > LARGE_SHAPE) {
    const z = normalUpperQuantile(tail === 'upper' ? probability : 1 - probability);
    return shape * (1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape))) ** 3;
  }
  let low = 0;
  let high = Infinity;
  let x = shape;
  for (let step = 0; step < 200; step += 1) {
    const at = tails(shape, x);
    // Positive when x is too large, whichever tail is asked.
    const excess = tail === 'lower' ? at.lower - probability : probability - at.upper;
    if (excess > 0) high = x;
    else low = x;
    const density = (kernel(shape, x) * shape) / x;
    let next = x - excess / density;
    if (!(next > low && next < high)) next = high === Infinity ? 2 * x : (low + high) / 2;
    if (Math.abs(next - x) <= 4 * EPSILON * x) return next;
    x = next;
  }
  return x;
}
