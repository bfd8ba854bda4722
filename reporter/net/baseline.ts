// Is the line alive, and towards whom? Sites that have nothing to do with the target, the collector, and a page that a login page
// would replace. Always measured first: nothing else can be judged without it.
import { isIP } from 'node:net';
import { failureOf } from '../../stratum/failure-of.ts';
import { endOfTrial, tryAddress } from '../../stratum/probe/trial.ts';
import type { Baseline, BaselineSite } from '../../wire/reachability.ts';
import { collectorTarget, type RunContext, type Peer } from './context.ts';
import { prefixOf } from './plan.ts';

/** What the baseline found, and where the collector was reached. */
export interface BaselineFound {
  baseline: Baseline;
  /** The collector's address that answered, or at least exists; null where none is known. */
  collector: Peer | null;
}

/** Measures all sites, a few at once: they have nothing in common. Never rejects. */
export async function measureBaseline(c: RunContext): Promise<BaselineFound> {
  const at_ms = c.clock.nowMs();
  const resolverOk: boolean[] = [];
  const site = async (
    kind: BaselineSite['kind'],
    host: string,
    port: number,
    address: string | null,
  ): Promise<BaselineSite> => {
    const begun = c.clock.monoMs();
    const found =
      address === null ? await c.resolvers.resolveAny(host) : { addresses: [address], isSystemOk: null, failure: null };
    if (found.isSystemOk !== null && isIP(host) === 0) resolverOk.push(found.isSystemOk);
    const [first] = found.addresses;
    if (first === undefined) {
      const ms = c.clock.monoMs() - begun;
      const failure = found.failure ?? 'dns_no_answer';
      c.trace({ target: null, what: `baseline ${kind} ${host}`, ms, failure, note: 'name not resolved' });
      return { kind, host, operation: 'resolve', failure, ms };
    }
    const { trial } = await c.locks.hold(prefixOf(first), () =>
      tryAddress(
        {
          target: { host, port, tls: true, sni: isIP(host) === 0 ? host : null },
          ...{ address: first, attempt: 0, upTo: 'tls', question: { kind: 'none' }, agent: c.agent, limits: c.limits },
          shape: { isSmall: true },
        },
        c.deps.probe,
      ),
    );
    const ms = (trial.tcp?.ms ?? 0) + (trial.tls?.ms ?? 0);
    const result = { kind, host, ...endOfTrial(trial), ms };
    c.trace({ target: null, what: `baseline ${kind} ${host}`, ms, failure: result.failure, note: first });
    return result;
  };

  const [sites, collectors, captive] = await Promise.all([
    Promise.all(c.profile.baseline.map((s) => c.siteLimit.hold(() => site(s.kind, s.host, s.port, s.address)))),
    Promise.all(c.collectors.slice(0, 2).map(({ url }) => c.siteLimit.hold(() => measureCollector(c, url)))),
    askCaptive(c),
  ]);
  return {
    baseline: {
      at_ms,
      resolver_ok: resolverOk.length === 0 ? null : resolverOk.includes(true),
      sites: [...sites, ...collectors.map((found) => found.site)],
      captive,
    },
    collector: (collectors.find((found) => found.site.operation === null) ?? collectors[0])?.peer ?? null,
  };
}

async function measureCollector(c: RunContext, url: string): Promise<{ site: BaselineSite; peer: Peer | null }> {
  const { target, path } = collectorTarget(url);
  const begun = c.clock.monoMs();
  const found = await c.resolvers.resolveAny(target.host, true);
  const [address] = found.addresses;
  const kind = 'collector';
  if (address === undefined) {
    const failure = found.failure ?? 'dns_no_answer';
    const ms = c.clock.monoMs() - begun;
    return { site: { kind, host: target.host, operation: 'resolve', failure, ms }, peer: null };
  }
  const { trial } = await c.locks.hold(prefixOf(address), () =>
    tryAddress(
      {
        ...{ target, address, attempt: 0, upTo: 'answer', question: { kind: 'http', path } },
        ...{ agent: c.agent, limits: c.limits },
      },
      c.deps.probe,
    ),
  );
  const ms = (trial.tcp?.ms ?? 0) + (trial.tls?.ms ?? 0) + (trial.http?.ms ?? 0);
  const site: BaselineSite = { kind, host: target.host, ...endOfTrial(trial), ms };
  c.trace({ target: null, what: `baseline collector ${target.host}`, ms, failure: site.failure, note: address });
  return { site, peer: { address, port: target.port, host: target.host } };
}

/** A page of known content over plain HTTP; null when it is as it should be, or cannot be had at all. */
async function askCaptive(c: RunContext): Promise<Baseline['captive']> {
  const { captive, tcp_ms, reply_ms } = c.profile;
  if (captive === null) return null;
  const begun = c.clock.monoMs();
  try {
    const answer = await c.deps.http({ url: captive.url, timeoutMs: tcp_ms + reply_ms, maxBytes: 65_536 });
    const location = answer.headers['location'];
    const host = location === undefined ? null : (URL.parse(location, captive.url)?.hostname ?? null);
    const isWell = answer.status === captive.status;
    const ms = c.clock.monoMs() - begun;
    c.trace({
      target: null,
      what: 'captive portal',
      ms,
      failure: null,
      note: isWell ? 'none' : `status ${answer.status}`,
    });
    return isWell ? null : { status: answer.status, location_host: host?.slice(0, 253) ?? null };
  } catch (error) {
    const failure = failureOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
    c.trace({ target: null, what: 'captive portal', ms: c.clock.monoMs() - begun, failure, note: 'not known' });
    return null;
  }
}
