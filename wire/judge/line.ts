// The worker's own line in the minute of the sample: is it alive, towards whom, and does it lose packets?
import type { Baseline, BaselineSite, ReachabilityRecord } from '../reachability.ts';
import type { Thresholds } from './thresholds.ts';

export interface Line {
  /** Null: no baseline of that minute. */
  baseline: Baseline | null;
  up: number;
  sites: number;
  /** No site answers. */
  isDead: boolean;
  /** The system's resolver does not even answer for an innocent name. */
  isResolverDead: boolean;
  captive: Baseline['captive'];
  /** Only sites of the state's allow-list answer. */
  isAllowListed: boolean;
  /** Every foreign site is dead, some ordinary Russian site is not. */
  isForeignDead: boolean;
  /** A Russian site answers: what freezes and slowness are compared with. */
  isRussiaUp: boolean;
  isLossy: boolean;
  /** At least one Russian site was late or silent: a silence may be a lost packet. */
  isNearHurt: boolean;
}

const isUp = (site: BaselineSite): boolean => site.operation === null;

export function lineOf({ baseline, at_ms }: ReachabilityRecord, t: Thresholds): Line {
  const fresh = baseline !== null && Math.abs(at_ms - baseline.at_ms) <= t.baseline_fresh_ms ? baseline : null;
  const sites = fresh?.sites ?? [];
  const of = (...kinds: BaselineSite['kind'][]): BaselineSite[] => sites.filter((site) => kinds.includes(site.kind));
  const allDead = (some: BaselineSite[]): boolean => some.length > 0 && !some.some(isUp);
  const [listed, russian, foreign] = [of('ru_allowlisted'), of('ru_ordinary'), of('foreign_ordinary')];
  const up = sites.filter(isUp).length;
  // A pattern by country is told only from a line that is quick where it answers: loss hits far sites first.
  const isQuick = (some: BaselineSite[]): boolean => some.length > 0 && !some.some((site) => isHurt(site, t));
  const isAllowListed =
    isQuick(listed) && listed.some(isUp) && allDead(russian) && allDead(foreign) && !of('collector').some(isUp);
  const isForeignDead =
    foreign.length > 1 && allDead(foreign) && russian.some(isUp) && isQuick([...listed, ...russian]);
  return {
    baseline: fresh,
    up,
    sites: sites.length,
    isDead: sites.length > 0 && up === 0,
    isResolverDead: fresh?.resolver_ok === false,
    captive: fresh?.captive ?? null,
    isAllowListed,
    isForeignDead,
    isRussiaUp: [...listed, ...russian].some(isUp),
    isLossy: !isAllowListed && !isForeignDead && isLossy(sites, t),
    isNearHurt: hurtOf([...listed, ...russian], t).length > 0,
  };
}

/** It timed out, or answered only after a packet was sent again. */
const isHurt = (site: BaselineSite, t: Thresholds): boolean =>
  isUp(site) ? (site.ms ?? 0) >= t.slow_site_ms : site.failure === 'generic_timeout_error';

/** Loss is spread over all targets, Russian ones too. */
function isLossy(sites: readonly BaselineSite[], t: Thresholds): boolean {
  const hurt = hurtOf(sites, t);
  const isNearHurt = hurt.some((site) => site.kind === 'ru_allowlisted' || site.kind === 'ru_ordinary');
  return sites.length > 1 && isNearHurt && hurt.length / sites.length >= t.lossy_sites;
}

function hurtOf(sites: readonly BaselineSite[], t: Thresholds): BaselineSite[] {
  return sites.filter((site) =>
    isUp(site) ? (site.ms ?? 0) >= t.slow_site_ms : site.failure === 'generic_timeout_error',
  );
}
