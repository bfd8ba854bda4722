// What all parts of one run share.
import { isIP } from 'node:net';
import type { Clock } from '../../platform/clock.ts';
import type { httpRequest } from '../../platform/http.ts';
import type { ProbeDeps } from '../../stratum/probe/connection.ts';
import type { TlsShape } from '../../stratum/probe/tls.ts';
import type { TrialLimits } from '../../stratum/probe/trial.ts';
import type { Failure } from '../../wire/failure.ts';
import type { Stall, Target } from '../../wire/reachability.ts';
import type { KeyedLocks, Limit } from './limits.ts';
import type { ProbeProfile } from './profile.ts';
import type { Lookup, ResolveDeps, Resolvers } from './resolve.ts';

/** One finished step, for a reader's eyes. `target` null = it belongs to the whole run. */
export interface TraceStep {
  target: string | null;
  what: string;
  ms: number | null;
  failure: Failure | null;
  note: string;
}

/** How a collector is spoken to. */
export interface CollectorAccess {
  url: string;
  pins: readonly string[];
  /** The worker's token; null: only what is public is asked. */
  token: string | null;
}

/** One endpoint that a run measures. */
export interface RunTarget {
  target: Target;
  /** The owner's own login for dialects that have one in their first request; null leaves it out. */
  login: string | null;
  /** Bounds of the TLS version that the endpoint is used with. */
  tls: Pick<TlsShape, 'minVersion' | 'maxVersion'>;
  /** Of a collector: what is asked by HTTP. */
  path: string | null;
  /** Stalls that the relay saw on it; with one it is watched after a good answer. */
  stalls: readonly Stall[];
}

/** A literal address and what stands there. */
export interface Peer {
  address: string;
  port: number;
  host: string;
}

/** Everything from outside; all of it can be a fake. */
export interface NetDeps {
  clock: Clock;
  random: () => number;
  probe: ProbeDeps;
  udp: ResolveDeps['udp'];
  lookup: Lookup;
  http: typeof httpRequest;
}

export interface RunContext {
  profile: ProbeProfile;
  limits: TrialLimits;
  agent: string;
  collectors: readonly CollectorAccess[];
  clock: Clock;
  deps: NetDeps;
  resolvers: Resolvers;
  isBogon: (address: string) => boolean;
  /** Held by the prefix of an address while TLS is spoken there. */
  locks: KeyedLocks;
  /** Baseline sites at once. */
  siteLimit: Limit;
  trace: (step: TraceStep) => void;
}

/** A collector's address as a target, and the path of its health page. Throws TypeError for what is no http(s) address. */
export function collectorTarget(url: string): { target: Target; path: string } {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`not an http or https address: ${url}`);
  const tls = protocol === 'https:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const target: Target = {
    role: 'collector',
    url: `${protocol}//${hostname}:${port === '' ? (tls ? '443' : '80') : port}`,
    host,
    port: port === '' ? (tls ? 443 : 80) : Number(port),
    tls,
    sni: tls && isIP(host) === 0 ? host : null,
    dialect: null,
  };
  return { target, path: `${pathname.replace(/\/+$/, '')}/healthz` };
}
