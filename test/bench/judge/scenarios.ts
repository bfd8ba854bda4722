// Which machines are simulated, and what is counted of each.
import { waldExpectedShares, SEQUENTIAL } from '../../../collector/judge/sequential-test.ts';
import type { OwnRate } from '../../../collector/judge/own-rates.ts';
import { expectationFor } from '../../../collector/judge/expectation.ts';
import { seeded } from '../../fakes/random.ts';
import { live } from './life.ts';
import { Machine, machineWorld } from './machine.ts';
import { hiccupsOf, Pool } from './pool.ts';

/** An operator's figure of one GPU: 31 MH/s at 150 W, 10 % to both sides. */
const OWN: OwnRate = { model: 'RTX 3070', algo: 'kawpow', power_limit_w: 150, rate_hs: 31e6, spread: 0.1 };
const OWN_LOW_HS = OWN.rate_hs * (1 - OWN.spread);
const SLOW_DAYS = 4;

export interface Scenario {
  name: string;
  about: string;
  lives: number;
  /** What it hashes, as a share of the low end; null: an honest one. */
  of_low: number | null;
  /** Its miner claims the promised rate: only the shares can tell, and Wald's number is the measure. */
  hides: boolean;
  run: (seed: number, life: number) => Tally;
}

/** Counts that add up over lives. */
export interface Tally {
  lives: number;
  days: number;
  bad_days: number;
  /** Lives with a cancel or a blacklist, and those with a blacklist. */
  decided: number;
  blacklisted: number;
  /** Over the decided ones: expected shares and seconds until the first decision. */
  waited_shares: number;
  waited_s: number;
  /** Verdicts that led to the first decision. */
  because: Record<string, number>;
}

export const NOTHING: Tally = {
  ...{ lives: 0, days: 0, bad_days: 0, decided: 0, blacklisted: 0, waited_shares: 0, waited_s: 0, because: {} },
};

/** Rates that the issue asks for. */
const RATES = [0.6, 0.75, 0.85, 0.9] as const;

/** `days` of honest machines; a slow life for each 25 of them (400 of each kind beside 10,000 days). */
export function scenariosOf(days: number): Scenario[] {
  let honest = 0;
  for (let total = 0; total < days; honest += 1) total += honestDays(honest);
  const slow = Math.max(8, Math.round(days / 25));
  return [
    {
      ...{ name: 'honest', about: 'from the low end up, every stumble', lives: honest, of_low: null, hides: false },
      run: honestLife,
    },
    ...RATES.map((rate) => ({
      ...{ name: `${pct(rate)} of the low end, claims all`, about: 'throttled, and its miner hides it', lives: slow },
      ...{ of_low: rate, hides: true, run: (seed: number) => slowLife(seed, rate, 1 / rate, rate < 0.8 ? 30 : 60) },
    })),
    ...RATES.map((rate) => ({
      ...{
        name: `${pct(rate)} of the likely rate, says so`,
        about: 'a slow card with an honest miner',
        lives: Math.ceil(slow / 4),
      },
      ...{ of_low: (rate * OWN.rate_hs) / OWN_LOW_HS, hides: false },
      run: (seed: number) => slowLife(seed, (rate * OWN.rate_hs) / OWN_LOW_HS, 1, 300),
    })),
  ];
}

/** Honest orders last one to nine days. */
function honestDays(life: number): number {
  return 1 + (life % 9);
}

function honestLife(seed: number, life: number): Tally {
  const random = seeded(seed);
  const days = honestDays(life);
  const gpus = 1 + Math.floor(random() * 8);
  const own = random() < 0.5 ? [OWN] : [];
  const kind = { model: 'RTX 3070', memory_bytes: 8 * 1024 ** 3, power_limit_w: 150 };
  const range = expectationFor(kind, 'kawpow', { own, fleet: [] });
  if (range === null) throw new Error('the simulated GPU is not in the tables');
  const each_hs = range.low_hs + random() * (range.high_hs - range.low_hs);
  return tallyOf(seed, { true_hs: each_hs * gpus, claim_factor: 0.99 + random() * 0.02, days, gpus, own, report_s: 60, judge_s: 1800, stopAtCancel: false }); // prettier-ignore
}

function slowLife(seed: number, of_low: number, claim_factor: number, judge_s: number): Tally {
  const gpus = 4;
  const true_hs = OWN_LOW_HS * of_low * gpus;
  return tallyOf(seed, {
    true_hs,
    claim_factor,
    days: SLOW_DAYS,
    gpus,
    own: [OWN],
    report_s: 30,
    judge_s,
    stopAtCancel: true,
  });
}

function tallyOf(
  seed: number,
  o: {
    true_hs: number;
    claim_factor: number;
    days: number;
    gpus: number;
    own: readonly OwnRate[];
    report_s: number;
    judge_s: number;
    stopAtCancel: boolean;
  },
): Tally {
  const random = seeded(seed ^ 0x5bd1e995);
  const machine = new Machine(machineWorld({ ...o, random }), random);
  const hasVardiff = random() < 0.7;
  const aim_s = 8 + random() * 12;
  // A pool of fixed difficulty does not know who comes: a share each 5 to 60 s.
  const first_s = hasVardiff ? aim_s * 2 ** (4 * random() - 2) : 5 * 12 ** random();
  const world = { vardiff_s: hasVardiff ? aim_s : null, first_work_hashes: o.true_hs * first_s };
  const pool = new Pool({ ...world, hiccups: hiccupsOf(o.days, random) }, random);
  const { decision, bad_days } = live({ machine, pool, ...o });
  const because = decision === null ? {} : { [decision.advice.because.join('+')]: 1 };
  return {
    ...{ lives: 1, days: o.days, bad_days: bad_days.length, because },
    decided: decision === null ? 0 : 1,
    blacklisted: decision?.advice.advice === 'blacklist' ? 1 : 0,
    waited_shares: decision?.expected ?? 0,
    waited_s: decision?.at_s ?? 0,
  };
}

/** The sum of two. */
export function add(a: Tally, b: Tally): Tally {
  const because = { ...a.because };
  for (const [name, count] of Object.entries(b.because)) because[name] = (because[name] ?? 0) + count;
  return {
    ...{ lives: a.lives + b.lives, days: a.days + b.days, bad_days: a.bad_days + b.bad_days },
    ...{ decided: a.decided + b.decided, blacklisted: a.blacklisted + b.blacklisted },
    ...{ waited_shares: a.waited_shares + b.waited_shares, waited_s: a.waited_s + b.waited_s, because },
  };
}

/** The seed of a life: far from its neighbours', the same in every run and for every number of lanes. */
export function lifeSeed(seed: number, scenario: number, life: number): number {
  return Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(scenario + 1, 0x85ebca6b) ^ Math.imul(life + 1, 0xc2b2ae35);
}

/** Mean expected shares to the decision, by Wald's expected number; null where nothing was decided, or nothing should be. */
export function againstWald(scenario: Scenario, tally: Tally): number | null {
  if (scenario.of_low === null || scenario.of_low >= 1 || tally.decided === 0) return null;
  const wald = waldExpectedShares(scenario.of_low, SEQUENTIAL.alpha, SEQUENTIAL.beta);
  return tally.waited_shares / tally.decided / wald;
}

function pct(share: number): string {
  return `${Math.round(share * 100)} %`;
}
