// Verdicts in words for people: the API's own names, and a plain sentence for each.
import type { MatrixCell } from '../../wire/api.ts';
import type { Verdict, VerdictName } from '../../wire/verdict.ts';
import type { Tone } from './trouble.ts';

interface Words {
  word: string;
  tone: Tone;
  sentence: string;
}

// In the order of a legend: what a censor does, what the pool does, what works badly, what is not known, what works.
const WORDS: Record<VerdictName, Words> = {
  'blocked:dns': {
    word: 'blocked: DNS',
    tone: 'bad',
    sentence: 'The network gives a false answer or none for this name; outside, the name resolves.',
  },
  'blocked:tcp': {
    word: 'blocked: TCP',
    tone: 'bad',
    sentence: 'The network lets no connection through to this address or port; from outside it connects.',
  },
  'blocked:tls': {
    word: 'blocked: TLS',
    tone: 'bad',
    sentence: 'The connection opens, but the network breaks or intercepts TLS to this name; from outside TLS works.',
  },
  'blocked:stratum': {
    word: 'blocked: stratum',
    tone: 'bad',
    sentence: 'The connection opens, but the network stops the mining protocol on it; from outside the pool answers.',
  },
  'blocked:throttled': {
    word: 'blocked: throttled',
    tone: 'bad',
    sentence: 'The connection works at first; then the network slows it down or freezes it.',
  },
  pool_refuses: {
    word: 'pool refuses',
    tone: 'warn',
    sentence: 'The path is open; the endpoint itself turns these workers away (a ban, a country rule, a login).',
  },
  pool_down: {
    word: 'pool down',
    tone: 'warn',
    sentence: 'The endpoint does not answer anywhere: not a block.',
  },
  degraded: {
    word: 'degraded',
    tone: 'warn',
    sentence: 'It works, but slowly, with losses, or not at every attempt.',
  },
  worker_offline: {
    word: 'worker offline',
    tone: 'mute',
    sentence: 'The worker reached nothing at all, or only a login page: this says nothing about the endpoint.',
  },
  inconclusive: {
    word: 'inconclusive',
    tone: 'mute',
    sentence: 'It failed, and there is not enough evidence to say why.',
  },
  reachable: { word: 'reachable', tone: 'good', sentence: 'The endpoint answers.' },
  reachable_stable: {
    word: 'reachable stable',
    tone: 'good',
    sentence: 'The endpoint answers, and did so again 15 to 20 minutes later.',
  },
};

/** All verdicts in the order of the legend. */
export const VERDICTS_SHOWN = Object.keys(WORDS) as readonly VerdictName[];

export type VerdictFilter = VerdictName | 'all' | 'trouble';

export function isVerdictFilter(text: string): text is VerdictFilter {
  return text === 'all' || text === 'trouble' || Object.hasOwn(WORDS, text);
}

/** Word, tone and sentence of a verdict. */
export function wordsOf(verdict: VerdictName): Words {
  return WORDS[verdict];
}

/** Something stands in the way of mining there. */
export function isTroubleVerdict(verdict: VerdictName): boolean {
  const { tone } = WORDS[verdict];
  return tone === 'bad' || tone === 'warn';
}

/** The verdict of a filter matches. */
export function matchesVerdict(verdict: VerdictName, filter: VerdictFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'trouble' ? isTroubleVerdict(verdict) : verdict === filter;
}

const METHODS: Record<NonNullable<Verdict['method']>, string> = {
  rst: 'a reset',
  timeout: 'silence',
  icmp: 'an ICMP error',
  alert: 'a TLS alert',
  fin: 'an early close',
  mitm: 'a foreign certificate',
  page: 'a block page',
  freeze: 'a freeze after some bytes or packets',
  slow: 'a slow-down',
  lie: 'a false answer',
};

const SCOPES: Record<NonNullable<Verdict['scope']>, string> = {
  endpoint: 'this endpoint',
  port: 'this port',
  host: 'this host',
  prefix: 'its address range',
  asn: 'its hoster’s whole network',
  all_foreign: 'everything abroad',
};

const FLAGS: Record<Verdict['flags'][number], string> = {
  control_broken: 'the collector itself does not reach it',
  dns_interference: 'DNS is tampered with too',
  captive_portal: 'a login page stands in the way',
  allow_list: 'only sites of the state’s allow-list answer',
  auth_error: 'the login is not accepted',
  ip_ban: 'only this worker’s address is refused',
  pmtu: 'large packets are lost on the path',
  residual: 'blocking goes on for a time after a trigger',
  self_proven: 'proven without a control from outside',
};

const LAYERS: Record<NonNullable<Verdict['layer']>, string> = {
  dns: 'DNS',
  tcp: 'TCP',
  tls: 'TLS',
  stratum: 'stratum',
  transfer: 'transfer',
};

/** What the verdict holds beside its name, as label and words; only what is known. */
export function findingsOf(verdict: Verdict): { label: string; value: string }[] {
  const { layer, method, scope, flags } = verdict;
  return [
    ...(layer === null ? [] : [{ label: 'Layer', value: LAYERS[layer] }]),
    ...(method === null ? [] : [{ label: 'Method', value: METHODS[method] }]),
    ...(scope === null ? [] : [{ label: 'Scope', value: SCOPES[scope] }]),
    ...(flags.length === 0 ? [] : [{ label: 'Note', value: flags.map((flag) => FLAGS[flag]).join('; ') }]),
  ];
}

/** `stratum+ssl://eu.pool.example:6060` in two parts: `eu.pool.example:6060` and `stratum+ssl`. */
export function endpointParts(url: string): { host: string; scheme: string } {
  const mark = url.indexOf('://');
  return mark < 0 ? { host: url, scheme: '' } : { host: url.slice(mark + 3), scheme: url.slice(0, mark) };
}

type Network = MatrixCell['network'];

/** `AS12389 RU`, or the prefix alone. */
export function networkLabel(network: Network): string {
  return network.country === null ? network.key : `${network.key} ${network.country}`;
}
