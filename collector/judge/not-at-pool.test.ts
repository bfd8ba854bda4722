// not_at_pool over made-up histories of a pool's API, from its JSON to the verdict. Whatever the API does to everybody alike, an honest
// worker is never told to be missing; one that the pool truly does not know is, as soon as the answers suffice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { machineFacts, NOW_MS, POOL } from '../../test/fakes/machine-facts.ts';
import type { MachineVerdict } from '../../wire/machine.ts';
import { figuresOf, type PoolFigure } from '../pool-api/figures.ts';
import { POOL_API_FORMS, type PoolApiForm, readPoolAnswer } from '../pool-api/forms.ts';
import type { PoolApi } from '../pool-api/settings.ts';
import { notAtPool } from './rules/pool.ts';

const MIN_MS = 60_000;
/** A pool makes its figures so often. */
const POOL_EVERY_MS = 5 * MIN_MS;
const RATE_HS = 124e6;
const SUBJECT = 'rig-1';
const BASE = machineFacts();

/** What an answer is of: the truth of its moment, of some time before, of one old moment; or nothing that can be used. */
const HONEST_ANSWERS = ['right', 'lags', 'frozen'] as const;
const USELESS_ANSWERS = ['none', 'empty', 'no_workers', 'all_zero', 'strings', 'nulls', 'other_names', 'text'] as const;
type Kind = (typeof HONEST_ANSWERS)[number] | (typeof USELESS_ANSWERS)[number];

interface Stretch {
  kind: Kind;
  count: number;
  gap_min: number;
  lag_min: number;
}

interface History {
  form: PoolApiForm;
  /** Whether the pool tells when it made its figures, or when it last heard of a worker. */
  isDated: boolean;
  others: number;
  /** The subject began to mine so long ago; the others long before. */
  began_min: number;
  stretches: readonly Stretch[];
}

const stretch = (kinds: readonly Kind[]): fc.Arbitrary<Stretch> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    count: fc.integer({ min: 1, max: 12 }),
    gap_min: fc.integer({ min: 1, max: 25 }),
    lag_min: fc.integer({ min: 0, max: 25 }),
  });

function history(kinds: readonly Kind[]): fc.Arbitrary<History> {
  return fc.record({
    form: fc.constantFrom(...POOL_API_FORMS),
    isDated: fc.boolean(),
    others: fc.integer({ min: 1, max: 4 }),
    began_min: fc.integer({ min: 5, max: 120 }),
    stretches: fc.array(stretch(kinds), { minLength: 1, maxLength: 5 }),
  });
}

describe('not_at_pool', () => {
  it('is never said of an honest worker, whatever an API does to all alike', () => {
    fc.assert(
      fc.property(history([...HONEST_ANSWERS, ...USELESS_ANSWERS]), (told) => {
        expect(judged(told, { isKnown: true })).toBeNull();
      }),
      { numRuns: 3000 },
    );
  });

  it('is said of one that the pool does not know while it lists others, once the answers span 45 minutes', () => {
    let said = 0;
    fc.assert(
      fc.property(history(['right', 'lags', 'none']), (of) => {
        const told = { ...of, isDated: true, began_min: 120 };
        const figures = figuresIn(told, { isKnown: false });
        const [newest, oldest] = [figures[0]?.at_ms ?? 0, figures.at(-1)?.at_ms ?? 0];
        const isEnough =
          figures.length >= 3 &&
          newest - oldest >= 45 * MIN_MS &&
          NOW_MS - newest <= 30 * MIN_MS &&
          // Before it there must be shares of its own for some time.
          NOW_MS - oldest <= 110 * MIN_MS;
        if (isEnough) said += 1;
        if (isEnough) expect(judged(told, { isKnown: false })).toMatchObject({ verdict: 'not_at_pool', blame: 'host' });
        if (figures.length < 3 || newest - oldest < 45 * MIN_MS) expect(judged(told, { isKnown: false })).toBeNull();
      }),
      { numRuns: 1000 },
    );
    expect(said).toBeGreaterThan(50);
  });
});

function judged(told: History, o: { isKnown: boolean }): MachineVerdict | null {
  const began_ms = NOW_MS - told.began_min * MIN_MS;
  const shares = BASE.shares.filter(({ at_ms }) => at_ms > began_ms);
  return notAtPool({ ...BASE, shares, pool_figures: figuresIn(told, o) });
}

/** What the collector keeps of the subject of it, newest first. The last answer came a minute ago. */
function figuresIn(told: History, { isKnown }: { isKnown: boolean }): PoolFigure[] {
  const api: PoolApi = {
    ...{ name: 'practice', form: told.form, url: 'http://pool.example/', hosts: ['pool.example'], worker: '{worker}' },
    every_ms: MIN_MS,
  };
  const others = Array.from({ length: told.others }, (_, i) => `other-${i}`);
  const workers = [SUBJECT, ...others].map((id) => ({ id, pool: POOL }));
  const figures: PoolFigure[] = [];
  let at_ms = NOW_MS - MIN_MS;
  for (const { kind, count, gap_min, lag_min } of told.stretches) {
    // What a cache in front of the pool has kept since before the stretch's first answer.
    const kept_ms = at_ms - count * gap_min * MIN_MS;
    for (let i = 0; i < count && at_ms > NOW_MS - 120 * MIN_MS; i += 1, at_ms -= gap_min * MIN_MS) {
      const wanted_ms = kind === 'frozen' ? kept_ms : kind === 'lags' ? at_ms - lag_min * MIN_MS : at_ms;
      const made_ms = Math.floor(wanted_ms / POOL_EVERY_MS) * POOL_EVERY_MS;
      const isMining = isKnown && made_ms > NOW_MS - told.began_min * MIN_MS;
      const listed = isMining ? [SUBJECT, ...others] : others;
      const json = answer(told, { kind, made_ms, listed });
      const reading = json === undefined ? null : readPoolAnswer(told.form, json);
      if (reading === null) continue;
      const found = figuresOf(api, { reading, at_ms, workers, apis: [api] });
      figures.push(...found.flatMap(({ worker, figure }) => (worker === SUBJECT ? [figure] : [])));
    }
  }
  return figures;
}

/** The API's JSON; undefined: none came. */
function answer(told: History, o: { kind: Kind; made_ms: number; listed: readonly string[] }): unknown {
  const { kind, made_ms } = o;
  if (kind === 'none') return undefined;
  if (kind === 'text') return 'maintenance';
  const listed = kind === 'no_workers' ? [] : o.listed;
  const rate = kind === 'all_zero' ? 0 : kind === 'strings' ? String(RATE_HS) : kind === 'nulls' ? null : RATE_HS;
  const beat_s = told.isDated ? { lastBeat: Math.floor((made_ms - 20_000) / 1000) } : {};
  const entries = listed.map((name) => [
    kind === 'other_names' ? `w.${name}` : name,
    told.form === 'miningcore' ? { hashrate: rate, sharesPerSecond: 0.1 } : { hr: rate, ...beat_s },
  ]);
  const workers = Object.fromEntries(entries) as unknown;
  if (told.form === '2miners') return kind === 'empty' ? {} : { currentHashrate: RATE_HS, workers };
  const created = told.isDated ? { created: new Date(made_ms).toISOString() } : {};
  return { pendingShares: 1, performance: kind === 'empty' ? null : { ...created, workers } };
}
