// The worker's door to the prober, loaded after the miner runs: from settings to a sampler at work.
import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import { isInRanges, parseIp, rangesOf } from '../platform/ip-ranges.ts';
import type { Logger } from '../platform/logger.ts';
import type { PoolUrl } from '../stratum/pool-url.ts';
import { directCollectors } from '../wire/collector-address.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { ReachabilityRecord } from '../wire/reachability.ts';
import type { RunTarget } from './net/context.ts';
import { netDeps } from './net/deps.ts';
import { NOTHING_OUTSIDE, profileWith, type ProbeProfile } from './net/profile.ts';
import { collectorRunTarget, poolTarget } from './net/targets.ts';
import type { EventInput } from './run-view.ts';
import { ReachabilitySampler, type Rank } from './samplers/reachability.ts';
import { VerdictNews } from './verdict-news.ts';

export interface ReachabilitySettings {
  home: string;
  pools: readonly PoolUrl[];
  /** What the job's algorithm speaks, where an endpoint does not say it itself. */
  dialect: Dialect | null;
  /** The owner's account: the first request of CryptoNote pools is a login. */
  wallet: string | null;
  collectors: readonly string[];
  pins: readonly string[];
  token: string;
  version: string;
  /** Fields of SPOTRIG_PROBE, which replace the profile's. */
  profile: object;
}

export interface ReachabilityHooks {
  clock: Clock;
  random: () => number;
  logger: Logger;
  isHashing: () => boolean;
  onRecord: (record: ReachabilityRecord) => void;
  /** After each run: pools by their `url`, collectors by their address as in the settings. */
  onRanks: (ranks: Rank[], sinceMs: number) => void;
  onEvent: (event: EventInput) => void;
}

/** Starts to measure. A profile that is wrong is told and the defaults are used: mining goes on. */
export function startReachability(s: ReachabilitySettings, hooks: ReachabilityHooks): ReachabilitySampler {
  const { clock, random, logger, isHashing } = hooks;
  const news = new VerdictNews();
  const tellNews = (event: EventInput | null): void => {
    if (event !== null) hooks.onEvent(event);
  };
  // What is reached through frp is measured by the tunnel itself (its canary): here the way is frps's, and the prober's steps would
  // tell of a visitor on this machine.
  const pools = s.pools
    .filter(({ frp }) => frp === null)
    .map((pool): RunTarget => {
      const target = poolTarget(pool, s.dialect);
      const login = target.target.dialect === 'cryptonote' ? (pool.login ?? s.wallet) : null;
      return { ...target, login };
    });
  const direct = directCollectors(s.collectors);
  const collectors = direct.map((url) => ({ url, ...collectorRunTarget(url) }));
  const settingOf = new Map(collectors.map(({ url, target }) => [target.url, url]));
  const tell = (detail: string): void => hooks.onEvent({ event: 'probe_failed', level: 'warn', detail });
  return new ReachabilitySampler({
    targets: () => [...pools, ...collectors],
    collectors: direct.map((url) => ({ url, pins: s.pins, token: s.token })),
    profile: readProfile(isPractice([...pools, ...collectors]) ? NOTHING_OUTSIDE : {}, s.profile, tell),
    agent: `spotrig-probe/${s.version}`,
    timesPath: join(s.home, 'run', 'probe-times'),
    deps: netDeps(clock, random),
    ...{ logger, isHashing },
    onRecord: (record) => {
      hooks.onRecord(record);
      tellNews(news.of(record));
    },
    onRanks: (ranks, sinceMs) => {
      hooks.onRanks(
        ranks.map((rank) => ({ ...rank, url: settingOf.get(rank.url) ?? rank.url })),
        sinceMs,
      );
      for (const { url, addresses } of ranks) tellNews(news.ofPins(url, addresses));
    },
    onFault: tell,
  });
}

const LOOPBACK = rangesOf(['127.0.0.0/8', '::1/128']);

/** All on this machine: nothing in the world outside bears on it, so nobody there is asked. */
export function isPractice(targets: readonly Pick<RunTarget, 'target'>[]): boolean {
  return targets.every(({ target: { host } }) =>
    parseIp(host) === null ? host === 'localhost' : isInRanges(LOOPBACK, host),
  );
}

function readProfile(base: object, override: object, tell: (detail: string) => void): ProbeProfile {
  try {
    return profileWith({ ...base, ...override });
  } catch (error) {
    tell(`SPOTRIG_PROBE is not used: ${messageOf(error)}`);
    return profileWith(base);
  }
}
