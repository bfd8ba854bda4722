import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VERDICTS } from '../wire/verdict.ts';
import { betterThanCurrent, route, type EndpointRank, type RouteInput } from './route.ts';

const NEVER = { illUntilMs: -Infinity, retryAtMs: -Infinity };

/** Endpoints by their names: `a`, or `a#RU` with tags; `frp:a` is one through frp. */
function input(names: string, more: Partial<RouteInput> = {}): RouteInput {
  const endpoints = names.split(' ').map((name) => {
    const [url = '', tags = ''] = name.split('#');
    return { url, tags: tags === '' ? [] : tags.split(','), frp: url.startsWith('frp:') ? url.slice(4) : null };
  });
  const health = endpoints.map(() => NEVER);
  return { endpoints, country: null, ranks: new Map(), health, current: null, nowMs: 1000, ...more };
}

function ranks(of: Record<string, Partial<EndpointRank>>): ReadonlyMap<string, EndpointRank> {
  return new Map(
    Object.entries(of).map(([url, rank]) => [url, { url, verdict: null, delay_ms: null, addresses: [], ...rank }]),
  );
}

function order(o: RouteInput): string {
  return route(o)
    .map((place) => o.endpoints[place]?.url)
    .join(' ');
}

const ill = (retryAtMs = 0): RouteInput['health'][number] => ({ illUntilMs: 2000, retryAtMs });

describe('route', () => {
  it('follows the setting, with the machine’s country first', () => {
    expect(order(input('a b#RU c#KZ,RU d'))).toBe('a b c d');
    expect(order(input('a b#RU c#DE,RU d', { country: 'RU' }))).toBe('b c a d');
    expect(order(input('a b#RU', { country: 'DE' }))).toBe('a b');
  });

  it('puts verdicts above country and setting, and drops nothing', () => {
    const known = ranks({
      a: { verdict: 'blocked:tls' },
      b: { verdict: 'degraded' },
      c: { verdict: 'pool_down' },
      d: { verdict: 'inconclusive' },
      e: { verdict: 'reachable_stable' },
    });
    expect(order(input('a#RU b#RU c d e', { country: 'RU', ranks: known }))).toBe('e d b c a');
  });

  it('puts a much slower one behind, and no slightly slower one', () => {
    const slow = { a: { delay_ms: 400 }, b: { delay_ms: 40 }, c: { delay_ms: 200 } };
    expect(order(input('a b c', { ranks: ranks(slow) }))).toBe('b c a');
  });

  it('puts those that failed last, the one that is due first in front', () => {
    expect(order(input('a b c', { health: [ill(9), NEVER, ill(5)] }))).toBe('b c a');
    expect(order(input('a b', { health: [ill(), NEVER], nowMs: 3000 }))).toBe('a b');
  });

  it('keeps the one in use until it fails or another verdict stands better', () => {
    expect(order(input('a b c', { current: 2 }))).toBe('c a b');
    expect(order(input('a b c', { current: 2, health: [NEVER, NEVER, ill()] }))).toBe('a b c');
    // Nothing known of it, but it works.
    expect(order(input('a b', { current: 1, ranks: ranks({ a: { verdict: 'reachable' } }) }))).toBe('b a');
    const worse = ranks({ a: { verdict: 'reachable' }, b: { verdict: 'degraded' } });
    expect(order(input('a b', { current: 1, ranks: worse }))).toBe('a b');
  });

  it('puts one through frp behind every direct one that is neither ill nor blocked', () => {
    const known = ranks({
      a: { verdict: 'reachable' },
      b: { verdict: 'pool_down' },
      c: { verdict: 'blocked:tls' },
      // Nobody measures it; if anybody did, it would not count.
      'frp:x': { verdict: 'reachable_stable', delay_ms: 1 },
    });
    const names = 'frp:x#RU frp:y c b a d';
    expect(order(input(names, { country: 'RU', ranks: known }))).toBe('a d b frp:x frp:y c');
    const health = [NEVER, NEVER, NEVER, ill(), ill(), NEVER];
    expect(order(input(names, { ranks: known, health }))).toBe('d frp:x frp:y c a b');
    // One through frp that failed comes after those that did not, blocked or not.
    expect(order(input('c frp:x', { ranks: known, health: [NEVER, ill()] }))).toBe('c frp:x');
    // Its use does not lift it.
    expect(order(input('frp:x a', { current: 0 }))).toBe('a frp:x');
    expect(order(input('frp:x c', { current: 0, ranks: known }))).toBe('frp:x c');
  });

  it('is an order of all places, whatever is known', () => {
    const rank = fc.record({
      verdict: fc.option(fc.constantFrom(...VERDICTS)),
      delay_ms: fc.option(fc.nat(1000)),
    });
    const state = fc.record({ illUntilMs: fc.nat(2000), retryAtMs: fc.nat(2000) });
    const endpoint = fc.tuple(rank, state, fc.constantFrom('', '#RU', '#DE'));
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 1, maxLength: 6 }), fc.option(fc.nat(5)), (list, current) => {
        const names = list.map(([, , tag], i) => `p${String(i)}${tag}`).join(' ');
        const known = ranks(Object.fromEntries(list.map(([r], i) => [`p${String(i)}`, r])));
        const health = list.map(([, h]) => h);
        const inUse = current === null ? null : current % list.length;
        const o = input(names, { ranks: known, health, current: inUse, country: 'RU' });
        expect(route(o).toSorted((a, b) => a - b)).toEqual(list.map((_, i) => i));
        // What is better than the current one is the first of the order without it.
        const better = betterThanCurrent(o);
        if (better !== null) expect(better.place).not.toBe(inUse);
        if (better?.by === 'verdict') expect(route(o)[0]).toBe(better.place);
      }),
    );
  });
});

describe('betterThanCurrent', () => {
  it('names the preferred one when it is well, and a better verdict as such', () => {
    expect(betterThanCurrent(input('a b'))).toBeNull();
    expect(betterThanCurrent(input('a b', { current: 0 }))).toBeNull();
    expect(betterThanCurrent(input('a b', { current: 1 }))).toEqual({ place: 0, by: 'preference' });
    expect(betterThanCurrent(input('a b', { current: 1, health: [ill(), NEVER] }))).toBeNull();
    const known = ranks({ a: { verdict: 'reachable' }, b: { verdict: 'blocked:throttled' } });
    expect(betterThanCurrent(input('a b', { current: 1, ranks: known }))).toEqual({ place: 0, by: 'verdict' });
    expect(betterThanCurrent(input('b a', { current: 1, ranks: known }))).toBeNull();
    const down = ranks({ a: { verdict: 'blocked:dns' } });
    expect(betterThanCurrent(input('a b', { current: 1, ranks: down }))).toBeNull();
  });

  it('leaves frp for a direct one that is well again, and a direct one for frp only when it is blocked or fails', () => {
    const back = { place: 0, by: 'verdict' };
    expect(betterThanCurrent(input('a frp:x', { current: 1 }))).toEqual(back);
    expect(betterThanCurrent(input('a frp:x', { current: 1, health: [ill(), NEVER] }))).toBeNull();
    const blocked = ranks({ a: { verdict: 'blocked:throttled' } });
    expect(betterThanCurrent(input('a frp:x', { current: 1, ranks: blocked }))).toBeNull();
    expect(betterThanCurrent(input('a frp:x', { current: 0, ranks: blocked }))).toEqual({ place: 1, by: 'verdict' });
    expect(betterThanCurrent(input('a frp:x', { current: 0 }))).toBeNull();
    expect(betterThanCurrent(input('frp:x a', { current: 1 }))).toBeNull();
    const degraded = ranks({ a: { verdict: 'degraded' } });
    expect(betterThanCurrent(input('a frp:x', { current: 0, ranks: degraded }))).toBeNull();
    expect(betterThanCurrent(input('frp:y frp:x', { current: 1 }))).toEqual({ place: 0, by: 'preference' });
  });

  it('never wants back and forth while nothing else changes', () => {
    const rank = fc.record({ verdict: fc.option(fc.constantFrom(...VERDICTS)), delay_ms: fc.option(fc.nat(1000)) });
    const endpoint = fc.tuple(rank, fc.boolean(), fc.constantFrom('', '#RU', '#DE'), fc.boolean());
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 2, maxLength: 6 }), fc.nat(5), (list, start) => {
        const nameOf = (i: number): string => `${list[i]?.[1] === true ? 'frp:' : ''}p${String(i)}`;
        const names = list.map(([, , tag], i) => `${nameOf(i)}${tag}`).join(' ');
        const known = ranks(Object.fromEntries(list.map(([r], i) => [nameOf(i), r])));
        const health = list.map(([, , , isIll]) => (isIll ? ill() : NEVER));
        let current = start % list.length;
        const seen = new Set<number>();
        for (;;) {
          expect(seen.has(current)).toBe(false);
          seen.add(current);
          const better = betterThanCurrent(input(names, { ranks: known, health, current, country: 'RU' }));
          if (better === null) return;
          current = better.place;
        }
      }),
    );
  });
});
