// In which order the endpoints are tried: a pure function of what is known of them.
//
//   1. An endpoint that failed a moment ago comes after those that did not.
//   2. By the standing of its verdict (wire/verdict.ts): reachable, unknown, degraded, down or refusing, blocked. One through frp
//      stands between the last two, whatever is known of it: nobody measures it, and it costs the operator's line.
//   3. One that is much slower than the fastest of the same standing comes after the others.
//   4. One that is tagged with the machine's country comes before the others.
//   5. By the order of the setting. Among those that failed: the one that may be dialled again first.
//
// The endpoint in use is kept until it fails, or until another one's verdict stands better.
import { EXPORT_STANDING, standing } from '../wire/standing.ts';
import type { VerdictName } from '../wire/verdict.ts';
import type { PoolUrl } from './pool-url.ts';

/** What is known of an endpoint from measurements. */
export interface EndpointRank {
  url: string;
  verdict: VerdictName | null;
  /** Of a TCP connection or an answer; null where it was not measured. */
  delay_ms: number | null;
  /** Literal addresses to connect to in place of the name's own; [] where the name is as good. */
  addresses: string[];
}

export interface RouteInput {
  /** In the setting's order. */
  endpoints: readonly Pick<PoolUrl, 'url' | 'tags' | 'frp'>[];
  /** Where the machine stands; null where it is not known. */
  country: string | null;
  /** By the endpoint's url. */
  ranks: ReadonlyMap<string, EndpointRank>;
  /** By the endpoint's place in the setting. */
  health: readonly { illUntilMs: number; retryAtMs: number }[];
  /** Place of the endpoint in use; null where none is. */
  current: number | null;
  nowMs: number;
}

/** Slower than twice the fastest and this: new jobs come so late that shares go stale. */
const SLOW_MS = 150;

/** All places, the one to try first in front. */
export function route(input: RouteInput): number[] {
  const order = preferred(input);
  const { current } = input;
  const best = order[0];
  if (current === null || best === undefined || isWorse(input, current, best)) return order;
  return [current, ...order.filter((place) => place !== current)];
}

/**
 * The place that should be in use instead of the current one, or null. A better verdict counts as `verdict`; an equal one that
 * is preferred by delay, country or setting as `preference`.
 */
export function betterThanCurrent(input: RouteInput): { place: number; by: 'verdict' | 'preference' } | null {
  const { current } = input;
  const [best] = preferred(input);
  if (current === null || best === undefined || best === current) return null;
  // A current one that failed is left by the next connection anyway.
  if (isIll(input, best) || isIll(input, current)) return null;
  const difference = standingOf(input, current) - standingOf(input, best);
  if (difference < 0) return null;
  return { place: best, by: difference > 0 ? 'verdict' : 'preference' };
}

function preferred(input: RouteInput): number[] {
  const { endpoints, country, health } = input;
  const standings = endpoints.map((_, place) => standingOf(input, place));
  const slow = endpoints.map((_, place) => isSlow(input, standings, place));
  const keys = (place: number): number[] => {
    const ill = isIll(input, place);
    const isHere = country !== null && endpoints[place]?.tags.includes(country) === true;
    return [
      Number(ill),
      ill ? (health[place]?.retryAtMs ?? 0) : 0,
      standings[place] ?? 0,
      Number(slow[place]),
      Number(!isHere),
      place,
    ];
  };
  return endpoints.map((_, place) => place).toSorted((a, b) => compare(keys(a), keys(b)));
}

function isWorse(input: RouteInput, place: number, than: number): boolean {
  if (isIll(input, place)) return true;
  return !isIll(input, than) && standingOf(input, place) > standingOf(input, than);
}

function isIll({ health, nowMs }: RouteInput, place: number): boolean {
  return nowMs < (health[place]?.illUntilMs ?? -Infinity);
}

function rankOf({ endpoints, ranks }: RouteInput, place: number): EndpointRank | undefined {
  return ranks.get(endpoints[place]?.url ?? '');
}

/** The endpoint in use works: where its verdict says nothing, it stands with the best of the others. */
function standingOf(input: RouteInput, place: number): number {
  const measured = (at: number): number =>
    typeof input.endpoints[at]?.frp === 'string' ? EXPORT_STANDING : standing(rankOf(input, at)?.verdict ?? null);
  const own = measured(place);
  const isInUse = place === input.current && !isIll(input, place);
  if (!isInUse || own !== standing(null)) return own;
  return Math.min(...input.endpoints.map((_, at) => measured(at)), own);
}

function isSlow(input: RouteInput, standings: readonly number[], place: number): boolean {
  const delayOf = (at: number): number => rankOf(input, at)?.delay_ms ?? Infinity;
  const peers = input.endpoints.map((_, at) => at).filter((at) => standings[at] === standings[place]);
  const delay = delayOf(place);
  return delay !== Infinity && delay > 2 * Math.min(...peers.map(delayOf)) + SLOW_MS;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? 0;
    if (value !== other) return value - other;
  }
  return 0;
}
