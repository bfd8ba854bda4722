// The evidence as short sentences with numbers.
import { DETAIL_MAX_CHARS } from '../limits.ts';
import { DEPTH, type Ending } from './ending.ts';
import type { Facts } from './facts.ts';

const SIGNS: Record<Ending['sign'], string> = {
  ok: 'it answered',
  partial: 'it connected; nothing was asked',
  timeout: 'no answer to SYN',
  rst: 'a reset',
  icmp: 'an ICMP error',
  fin: 'closed without a byte',
  alert: 'a TLS alert',
  unacked: 'silence, our bytes were not acknowledged',
  acked: 'silence, our bytes were acknowledged',
  silent: 'silence',
  page: 'an HTTP page',
  ban: 'a ban in JSON',
  not_tls: 'plain text on a TLS port',
  certificate: 'a certificate that cannot be checked',
  other: 'something else',
};
const STEPS: Record<Ending['layer'], string> = {
  dns: 'name',
  tcp: 'connect',
  tls: 'TLS',
  stratum: 'first request',
  done: 'all steps',
};

/** One attempt in words. */
export function tell({ address, layer, sign, alert, failure, ms }: Ending): string {
  const after = ms === null ? '' : ` after ${Math.round(ms)} ms`;
  const number = alert === null ? '' : ` ${alert}`;
  const name = sign === 'other' && failure !== null ? ` (${failure})` : '';
  return `${address}: ${STEPS[layer]}: ${SIGNS[sign]}${number}${name}${after}.`;
}

/** What every verdict says beside its own reasons: what was seen here, what the controls saw, how the line was. */
export function surroundings(facts: Facts): string[] {
  return [...attempts(facts), ...names(facts), ...others(facts), ...line(facts)];
}

function attempts({ own, others, dnsFault }: Facts): string[] {
  const some = dnsFault === null ? own : others;
  const total = some.endings.length;
  if (total === 0) return [];
  const { failure, agreeing } = some;
  if (failure === null) return [`${some.well} of ${total} attempts went well.`, ...some.endings.slice(-1).map(tell)];
  return [`${agreeing} of ${total} attempts failed alike, ${some.well} went well.`, tell(failure)];
}

function names({ names: found }: Facts): string[] {
  const { race, failure, system, honestBy } = found;
  return [
    failure === null ? [] : [`The system's resolver: ${failure}.`],
    race === null ? [] : [`${race.resolver} gave ${list(race.addresses)}, then to the same query ${list(race.late)}.`],
    honestBy === null || system.some((address) => honestBy.addresses.includes(address))
      ? []
      : [
          `${honestBy.transport === 'doh' ? 'DoH' : 'TCP/53'} by ${honestBy.resolver} gave ${list(honestBy.addresses)}.`,
        ],
  ].flat();
}

function others({ controls, inside, failure }: Facts): string[] {
  const seen = controls.fresh.slice(0, 4).map(({ by, layer, depth, failure: reason }) => {
    if (layer === 'done') return `Control ${by}: ${depth === DEPTH.done ? 'it answered' : 'it connected'}.`;
    return `Control ${by}: ${STEPS[layer]}: ${reason ?? 'failed'}.`;
  });
  const none = controls.fresh.length === 0 ? ['No control measurement of this time.'] : [];
  const well = inside.well.length === 0 ? [] : [`Well in other networks: ${list(inside.well)}.`];
  const alike =
    failure === null || inside.alike.length === 0 ? [] : [`Fails in the same way in: ${list(inside.alike)}.`];
  return [...seen, ...none, ...well, ...alike];
}

function line({ line: { up, sites, baseline } }: Facts): string[] {
  if (baseline === null) return ['No baseline of this time.'];
  return [`${up} of ${sites} baseline sites answered.`];
}

export function list(some: readonly string[]): string {
  const shown = some.slice(0, 4).join(', ');
  return some.length === 0 ? 'nothing' : some.length > 4 ? `${shown} and ${some.length - 4} more` : shown;
}

/** Not longer than the wire allows, no control characters: parts of it are a stranger's text. */
export function sentence(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, DETAIL_MAX_CHARS);
}
