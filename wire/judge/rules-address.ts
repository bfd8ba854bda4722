// Rows 12 to 20: the name is fine, an address is not.
import { DEPTH, type Ending, type Sign } from './ending.ts';
import { prefixOf, shares, type Facts } from './facts.ts';
import { list } from './story.ts';
import type { Finding, Rule } from './finding.ts';
import type { Verdict } from '../verdict.ts';

/** Row 12: the pool's own host turns us away whatever we say, and others of the country too. */
function refused(facts: Facts): Finding | null {
  const { failure, inside, t } = facts;
  if (failure === null || !hasSign(failure, 'fin', 'rst', 'alert') || failure.layer === 'tcp' || isChanged(facts))
    return null;
  const isAlike = inside.alike.length >= t.inside_networks;
  const isSame = failure.layer === 'tls' && facts.contrasts.hellosAlike > 0 && !isNearReset(facts);
  if (!isAlike && !isSame && failure.sign !== 'fin') return null;
  return {
    verdict: 'pool_refuses',
    layer: failure.layer === 'tls' ? 'tls' : 'stratum',
    method: methodOf(failure.sign),
    confidence: isAlike ? 0.8 : failure.sign === 'fin' ? 0.6 : 0.5,
    evidence: [
      failure.sign === 'fin' ? 'It accepts and closes without a byte.' : null,
      isAlike ? `${inside.alike.length} other networks fail in the same way.` : null,
      isSame ? `${facts.contrasts.hellosAlike} other hellos end alike: no rule about the name.` : null,
    ],
  };
}

/** Row 13: others of the country are served, and we asked a lot. */
function banned({ failure, inside, past, contrasts, t }: Facts): Finding | null {
  if (failure === null || !hasSign(failure, 'timeout', 'rst', 'fin', 'unacked')) return null;
  if (inside.well.length < t.inside_networks || past.recent < t.busy_samples || contrasts.diesAtCollector !== null)
    return null;
  return {
    verdict: 'pool_refuses',
    layer: failure.layer === 'tcp' || failure.layer === 'tls' ? failure.layer : 'stratum',
    method: methodOf(failure.sign),
    flags: ['ip_ban'],
    confidence: 0.7,
    evidence: [
      `${inside.well.length} other networks are served; this address was used ${past.recent} times in an hour.`,
    ],
  };
}

/**
 * Large packets are lost: the small ones of a handshake pass and are acknowledged, whatever the hello says. A hello with a
 * post-quantum key is a large packet itself; then a smaller one is acknowledged.
 */
function pmtu({ failure, contrasts }: Facts): Finding | null {
  const isHung =
    failure?.layer === 'tls' &&
    (hasSign(failure, 'acked', 'silent') || (hasSign(failure, 'unacked') && contrasts.isHelloAcked));
  if (!isHung || contrasts.hellosAlike === 0 || contrasts.helloFlips !== null || contrasts.diesAtCollector !== null)
    return null;
  return {
    verdict: 'inconclusive',
    layer: 'tls',
    method: 'timeout',
    flags: ['pmtu'],
    confidence: 0.5,
    evidence: [
      `${hasSign(failure, 'unacked') ? 'A smaller' : 'The'} hello was acknowledged, and all ${contrasts.hellosAlike} other hellos hang as well: large packets may be lost.`,
    ],
  };
}

/**
 * Name servers answer by region, and a node of a region may be down alone: nobody looked at the address that fails here, and the
 * ones that were looked at do not fail here.
 */
function elsewhere({ own, others, failure, controls }: Facts): Finding | null {
  const tried = [...own.all, ...others.all].filter((ending) => ending.layer !== 'done').map((ending) => ending.address);
  if (failure === null || controls.addresses.length === 0 || shares(tried, controls.addresses)) return null;
  return {
    verdict: 'inconclusive',
    layer: failure.layer === 'done' ? null : failure.layer,
    confidence: 0.4,
    evidence: [
      `Controls looked at ${list(controls.addresses)}, not at ${list([...new Set(tried)])}: that machine may be down alone.`,
      others.well > 0 ? 'By the addresses of the controls it works here.' : null,
    ],
  };
}

function tooFew({ own, failure, past, contrasts, t }: Facts): Finding | null {
  if (failure === null || own.agreeing >= t.agreeing_attempts || past.failedAt === failure.layer) return null;
  if (contrasts.helloFlips !== null || contrasts.diesAtCollector !== null || failure.sign === 'page') return null;
  return { verdict: 'inconclusive', confidence: 0.3, evidence: ['Only one attempt failed so; two must agree.'] };
}

/** Row 14. */
function connectBlocked(facts: Facts): Finding | null {
  const { failure, line, contrasts } = facts;
  if (failure?.layer !== 'tcp' || line.up === 0) return null;
  const scope = scopeOf(facts);
  const isContrasted = contrasts.portConnects !== null || contrasts.regionWorks !== null || scope === 'all_foreign';
  return {
    verdict: 'blocked:tcp',
    layer: 'tcp',
    method: methodOf(failure.sign),
    scope,
    confidence: isContrasted ? 0.85 : 0.7,
    past: DEPTH.tcp,
    evidence: [
      contrasts.portConnects === null ? null : 'Another port of the same address connects.',
      contrasts.regionWorks === null ? null : 'Another region of the pool works.',
      scope === 'prefix' ? 'Several addresses of the prefix fail, one outside it works.' : null,
      scope === 'all_foreign' ? 'No foreign site of the baseline answers, Russian ones do.' : null,
    ],
  };
}

function scopeOf({ failure, own, others, line, contrasts }: Facts): Verdict['scope'] {
  if (line.isForeignDead) return 'all_foreign';
  if (contrasts.portConnects !== null) return 'port';
  const all = [...own.all, ...others.all];
  const dead = new Set(all.filter((ending) => ending.layer === 'tcp').map((ending) => ending.address));
  const prefix = prefixOf(failure?.address ?? '');
  const isPrefix = [...dead].filter((address) => prefixOf(address) === prefix).length > 1;
  const alive = [...all.filter((e) => e.layer !== 'tcp').map((e) => e.address), contrasts.regionWorks?.address ?? ''];
  const isAliveOutside = alive.some((address) => address !== '' && prefixOf(address) !== prefix);
  if (isPrefix && isAliveOutside && !alive.some((address) => prefixOf(address) === prefix)) return 'prefix';
  return contrasts.portFails === null ? 'endpoint' : 'host';
}

/** Row 15. */
function tlsBlocked(facts: Facts): Finding | null {
  const { failure, contrasts } = facts;
  if (failure?.layer !== 'tls' || failure.sign === 'certificate') return null;
  const { helloFlips, nameFlips, diesAtCollector } = contrasts;
  const isShown = helloFlips !== null || diesAtCollector !== null;
  const isPath = hasSign(failure, 'unacked', 'not_tls') || isNearReset(facts);
  if (!isShown && !isPath) return null;
  const isNameProof = nameFlips !== null && failure.sign !== 'alert';
  return {
    verdict: 'blocked:tls',
    layer: 'tls',
    method: methodOf(failure.sign),
    scope: 'endpoint',
    confidence: isShown ? 0.95 : 0.7,
    past: DEPTH.tls,
    proof: proofOf(facts) ?? (isNameProof ? `The name in the hello changes the result (${nameFlips.variant}).` : null),
    evidence: [
      helloFlips === null ? null : `With ${helloFlips.variant} the same address completes TLS.`,
      diesAtCollector === null ? null : "The same hello dies at the collector's address too, an innocent one does not.",
      isPath && !isShown ? 'The peer did not say this: it came sooner than it can, or our bytes never arrived.' : null,
    ],
  };
}

/** Row 17. */
function blockPage({ failure, record }: Facts): Finding | null {
  const { status = null, location_host = null } = failure?.page ?? {};
  if (failure?.sign !== 'page' || location_host === null || status === null) return null;
  const isBlockStatus = (status >= 300 && status < 400) || status === 403 || status === 451;
  if (!isBlockStatus || isSameSite(location_host, record.target.host)) return null;
  return {
    verdict: 'blocked:stratum',
    layer: 'stratum',
    method: 'page',
    scope: 'endpoint',
    confidence: 0.95,
    past: DEPTH.stratum,
    proof: `A page that sends to ${location_host}.`,
    evidence: [`An HTTP page with status ${status} sends to ${location_host}.`],
  };
}

/** Row 18. */
function requestBlocked(facts: Facts): Finding | null {
  const { failure, contrasts } = facts;
  if (failure?.layer !== 'stratum') return null;
  const isShown = hasSign(failure, 'rst', 'fin', 'unacked', 'silent') && contrasts.diesAtCollector !== null;
  const isPort = hasSign(failure, 'rst', 'unacked') && contrasts.portWorks !== null;
  if (!isShown && !isPort && failure.sign !== 'unacked' && !isNearReset(facts)) return null;
  return {
    verdict: 'blocked:stratum',
    layer: 'stratum',
    method: methodOf(failure.sign),
    scope: isPort ? 'port' : 'endpoint',
    confidence: isShown || isPort ? 0.9 : 0.6,
    past: DEPTH.stratum,
    proof: proofOf(facts),
    evidence: [
      isShown ? "The same line dies at the collector's address too, an innocent one does not." : null,
      isPort ? 'Another port of the same address works.' : null,
      failure.sign === 'unacked'
        ? 'The request was sent again and again and never acknowledged: the path, not the pool.'
        : null,
      isNearReset(facts) ? `The reset came sooner than the path's round trip.` : null,
    ],
  };
}

/** Row 19. */
function quiet({ failure, inside, t }: Facts): Finding | null {
  if (failure?.layer !== 'stratum' || !hasSign(failure, 'acked', 'silent')) return null;
  return {
    verdict: inside.alike.length >= t.inside_networks ? 'pool_refuses' : 'inconclusive',
    layer: 'stratum',
    method: 'timeout',
    confidence: 0.5,
    evidence: [
      failure.sign === 'acked'
        ? 'The peer acknowledged the request and does not answer: the dialect, or the pool.'
        : 'Nobody knows whether the request was acknowledged.',
    ],
  };
}

function undecided({ fails, failure, record, t }: Facts): Finding {
  const skew_ms = Math.abs(record.clock_skew_ms ?? 0);
  return {
    verdict: 'inconclusive',
    confidence: 0.3,
    evidence: [
      fails ? 'What was seen fits a block and an innocent cause alike.' : 'No step was made that tells anything.',
      failure?.sign === 'rst'
        ? 'A reset by the peer and one from the way look the same, and nothing else was tried.'
        : null,
      failure?.sign === 'certificate' && skew_ms > t.clock_skew_ms
        ? `The clock is off by ${Math.round(skew_ms / 1000)} s, which breaks the check of certificates.`
        : null,
    ],
  };
}

const hasSign = (ending: Ending, ...signs: Sign[]): boolean => signs.includes(ending.sign);

/** Something that we changed changed the result: a host that turns everybody away would not mind. */
function isChanged({ contrasts }: Facts): boolean {
  return contrasts.helloFlips !== null || contrasts.portWorks !== null || contrasts.diesAtCollector !== null;
}

function isNearReset({ failure, t }: Facts): boolean {
  const { sign, ms, rtt_ms } = failure ?? {};
  if (sign !== 'rst' || ms == null || rtt_ms == null) return false;
  return rtt_ms >= t.near_reset_rtt_ms && ms < rtt_ms * t.near_reset_share;
}

function proofOf({ contrasts }: Facts): string | null {
  return contrasts.diesAtCollector === null ? null : "The trigger dies against the collector's own address.";
}

function isSameSite(host: string, own: string): boolean {
  const site = (name: string): string => name.toLowerCase().replace(/\.$/, '').split('.').slice(-2).join('.');
  return site(host) === site(own);
}

const METHODS: Partial<Record<Sign, Verdict['method']>> = {
  rst: 'rst',
  icmp: 'icmp',
  fin: 'fin',
  alert: 'alert',
  page: 'page',
  not_tls: 'page',
  timeout: 'timeout',
  unacked: 'timeout',
  acked: 'timeout',
  silent: 'timeout',
};
const methodOf = (sign: Sign): Verdict['method'] => METHODS[sign] ?? null;

/** These rows are about an address whose name is fine; the rows before them took every other case. */
export const ADDRESS_RULES: readonly Rule[] = [
  { row: '12', name: 'the pool turns away', find: refused },
  { row: '13', name: 'banned for asking', find: banned },
  { row: '15a', name: 'large packets are lost', find: pmtu },
  { row: '20a', name: 'another machine', find: elsewhere },
  { row: '20b', name: 'too few attempts', find: tooFew },
  { row: '14', name: 'connect is blocked', find: connectBlocked },
  { row: '15', name: 'TLS is blocked', find: tlsBlocked },
  { row: '17', name: 'block page', find: blockPage },
  { row: '18', name: 'the request is blocked', find: requestBlocked },
  { row: '19', name: 'the peer is quiet', find: quiet },
  { row: '20', name: 'undecided', find: undecided },
];
