// What a worker measured, as lines for people: one a question, with its answer and time.
import type { ReachabilityAnswer } from '../../wire/api.ts';
import { formatBytes, formatCount, formatName, UNKNOWN } from './format.ts';

type Sample = ReachabilityAnswer['reachability'][number]['record'];
type Trial = Sample['addresses'][number];

export interface StepLine {
  what: string;
  result: string;
  /** Null where it is neither good nor bad. */
  isWell: boolean | null;
  ms: number | null;
}

export interface StepGroup {
  title: string;
  lines: readonly StepLine[];
}

interface Outcome {
  failure: string | null;
  ms: number | null;
}

const REPLIES: Record<NonNullable<NonNullable<Trial['stratum']>['reply']>, string> = {
  json: 'JSON answer',
  auth_error: 'JSON answer: the login is refused',
  ban: 'JSON answer: banned',
  page: 'a web page',
  other: 'other bytes',
};

const VARIANTS: Record<Sample['variants'][number]['variant'], string> = {
  no_sni: 'TLS without a name',
  innocent_sni: 'TLS with an innocent name',
  split_hello: 'TLS hello in two parts',
  tls12: 'TLS 1.2 only',
  tls13: 'TLS 1.3 only',
  alt_port: 'another port',
  alt_region: 'another region',
  at_collector: 'the same to the collector',
  innocent_at_collector: 'an innocent step to the collector',
  innocent_again: 'the innocent test again',
};

const SITES: Record<NonNullable<Sample['baseline']>['sites'][number]['kind'], string> = {
  ru_allowlisted: 'on the allow-list',
  ru_ordinary: 'Russian site',
  foreign_ordinary: 'foreign site',
  collector: 'collector',
};

/** A failure by its name, or what came. */
function line(what: string, step: Outcome, well: string): StepLine {
  const { failure, ms } = step;
  return { what, result: failure === null ? well : formatName(failure), isWell: failure === null, ms };
}

interface Ack {
  tx_unacked_bytes: number | null;
  retransmits: number | null;
}

/** With what the kernel knew when the answer was due: unacknowledged bytes speak against the path, a silent peer acknowledges. */
function withAck(shown: StepLine, { tx_unacked_bytes, retransmits }: Ack): StepLine {
  if (shown.isWell === true || tx_unacked_bytes === null || retransmits === null) return shown;
  const words =
    tx_unacked_bytes === 0
      ? 'all that was sent was acknowledged'
      : `${formatBytes(tx_unacked_bytes)} not acknowledged, ${formatCount(retransmits)} retransmits`;
  return { ...shown, result: `${shown.result}; ${words}` };
}

function dnsLines(record: Sample): StepLine[] {
  return record.dns.map((answer) => {
    const late = answer.late.length === 0 ? '' : `; a second answer came later: ${answer.late.join(', ')}`;
    const shown = line(
      `${answer.family} · ${answer.resolver}${answer.transport === 'system' ? '' : ` (${answer.transport})`}`,
      answer,
      answer.addresses.join(', ') || 'no address',
    );
    const got = shown.isWell !== true && answer.addresses.length > 0 ? `: ${answer.addresses.join(', ')}` : '';
    return { ...shown, result: shown.result + got + late };
  });
}

function pageWords(page: { status: number | null; location_host: string | null }): string {
  return `page ${page.status ?? UNKNOWN}${page.location_host === null ? '' : ` to ${page.location_host}`}`;
}

function trialLines(trial: Trial): StepLine[] {
  const { tcp, tls, stratum, http } = trial;
  const lines: StepLine[] = [];
  if (tcp !== null) lines.push(line('TCP', tcp, 'connected'));
  if (tls !== null) {
    const alert = tls.alert === null ? '' : ` (alert ${tls.alert})`;
    const issuer = tls.issuer === null ? '' : `; certificate by ${tls.issuer}`;
    const shown = line('TLS', tls, tls.protocol ?? 'done');
    lines.push(withAck({ ...shown, result: shown.result + alert + issuer }, tls));
  }
  if (stratum !== null) {
    const { reply } = stratum;
    const page = stratum.page === null ? '' : `; ${pageWords(stratum.page)}`;
    const shown = line(stratum.step ?? 'stratum', stratum, reply === null ? 'answered' : REPLIES[reply]);
    const isWell = shown.isWell === true && reply !== 'ban' && reply !== 'page' && reply !== 'other';
    lines.push(withAck({ ...shown, isWell, result: shown.result + page }, stratum));
    if (stratum.first_bytes !== null && stratum.first_bytes !== '') {
      lines.push({ what: 'first bytes', result: stratum.first_bytes, isWell: null, ms: null });
    }
  }
  if (http !== null) lines.push(withAck(line('HTTP', http, pageWords(http)), http));
  return lines;
}

function trialGroups(trials: readonly Trial[], from: string, fromControl: readonly string[]): StepGroup[] {
  return trials.map((trial) => {
    const attempt = trial.attempt === 0 ? '' : ` · attempt ${trial.attempt + 1}`;
    const source = fromControl.includes(trial.address) ? ' · address from the collector' : '';
    return { title: `${trial.address}${attempt}${source}${from}`, lines: trialLines(trial) };
  });
}

function stallLines(record: Sample): StepLine[] {
  return record.stalls.map(({ raw_bytes, packets, messages, age_ms, end, ...ack }) => {
    const amount = [
      formatBytes(raw_bytes),
      ...(packets === null ? [] : [`${packets} packets`]),
      `${messages} messages`,
    ].join(', ');
    const words = { silence: 'then silence', rst: 'then a reset', fin: 'then a normal end', alive: 'still alive' }[end];
    return withAck({ what: 'session', result: `${amount}, ${words}`, isWell: end === 'alive', ms: age_ms }, ack);
  });
}

function bulkLines(record: Sample): StepLine[] {
  return record.bulk.map(({ peer, form, wanted, moved, ms, failure }) => {
    const of =
      form === 'messages' ? `${moved} of ${wanted} messages` : `${formatBytes(moved)} of ${formatBytes(wanted)}`;
    const isWell = failure === null && moved >= wanted;
    return { what: `${form} · ${peer}`, result: failure === null ? of : `${of}; ${formatName(failure)}`, isWell, ms };
  });
}

function baselineLines(record: Sample): StepLine[] {
  const { baseline } = record;
  if (baseline === null) return [];
  const lines = baseline.sites.map((site) => line(`${site.host} (${SITES[site.kind]})`, site, 'answers'));
  if (baseline.resolver_ok !== null) {
    const result = baseline.resolver_ok ? 'answers for an innocent name' : 'does not answer for an innocent name';
    lines.unshift({ what: 'resolver', result, isWell: baseline.resolver_ok, ms: null });
  }
  if (baseline.captive !== null) {
    lines.push({ what: 'plain HTTP', result: pageWords(baseline.captive), isWell: false, ms: null });
  }
  return lines;
}

function tunnelLines({ frp, operation }: Sample): StepLine[] {
  const lines: StepLine[] = [];
  if (frp === undefined) return lines;
  if (frp.login_ms !== null) lines.push({ what: 'login at frps', result: 'done', isWell: true, ms: frp.login_ms });
  if (frp.canary_bytes !== null) {
    const result = `${formatBytes(frp.canary_bytes)} came back`;
    lines.push({ what: 'canary', result, isWell: operation === null, ms: frp.canary_ms });
  }
  return lines;
}

/** The steps of a sample in the order they were made; groups without a line are left out. */
export function stepsOf(record: Sample): StepGroup[] {
  const groups: StepGroup[] = [
    { title: 'Line of the worker', lines: baselineLines(record) },
    { title: 'DNS', lines: dnsLines(record) },
    ...trialGroups(record.addresses, '', record.control_addresses),
    { title: 'Tunnel', lines: tunnelLines(record) },
    { title: 'Sessions watched', lines: stallLines(record) },
    {
      title: 'With one thing changed',
      lines: record.variants.map((variant) => {
        const where = variant.address === null ? '' : ` · ${variant.address}`;
        const at = variant.operation === null ? '' : ` at ${formatName(variant.operation)}`;
        const shown = line(VARIANTS[variant.variant] + where, variant, 'works');
        return withAck({ ...shown, result: shown.isWell === true ? shown.result : shown.result + at }, variant);
      }),
    },
    { title: 'Many bytes or messages', lines: bulkLines(record) },
    ...record.controls.flatMap((control) => {
      const from = ` · seen by ${control.by}`;
      if (control.dns_failure === null) return trialGroups(control.trials, from, []);
      return [{ title: `DNS${from}`, lines: [line('name', { failure: control.dns_failure, ms: null }, '')] }];
    }),
  ];
  return groups.filter(({ lines }) => lines.length > 0);
}
