// Machines and hosts as the page shows them: words, tones, filters, order. Pure.
import type { Advice, MachineVerdictName } from '../../wire/machine-names.ts';
import { ADVICES, MACHINE_VERDICT_WORDS } from '../../wire/machine-names.ts';
import type { HostRow, MachineRow } from '../../wire/machine-api.ts';
import type { Tone } from './trouble.ts';

export type AdviceFilter = Advice | 'all' | 'trouble';

const TONES: Record<Advice, Tone> = { keep: 'good', watch: 'warn', cancel: 'bad', blacklist: 'bad' };

/** Worst first, as the chips stand. */
export const ADVICES_WORST_FIRST: readonly Advice[] = ADVICES.toReversed();

export function adviceTone(advice: Advice): Tone {
  return TONES[advice];
}

export function isAdviceFilter(text: string): text is AdviceFilter {
  return text === 'all' || text === 'trouble' || (ADVICES as readonly string[]).includes(text);
}

/** A verdict's sentence. */
export function verdictWords(verdict: MachineVerdictName): string {
  return MACHINE_VERDICT_WORDS[verdict];
}

/** `trouble`: whatever is not to be kept as it is. */
export function matchesAdvice({ advice }: { advice: Advice }, filter: AdviceFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'trouble' ? advice !== 'keep' : advice === filter;
}

const HOST = 'host:';

/** What is looked for to see one host's machines. */
export function hostText(host: string): string {
  return `${HOST}${host}`;
}

interface Looked {
  text: string;
  advice: AdviceFilter;
}

/** Machines that pass the filters: what is to be ended first, then the dearest hash first. */
export function findMachines(machines: readonly MachineRow[], { text, advice }: Looked): MachineRow[] {
  return machines
    .filter((row) => matchesAdvice(row, advice) && isFound(row, text))
    .toSorted((a, b) => rank(b) - rank(a) || price(b) - price(a) || byName(a.worker, b.worker));
}

/** Hosts that pass the filters, worst first. */
export function findHosts(hosts: readonly HostRow[], { text, advice }: Looked): HostRow[] {
  return hosts
    .filter(
      (host) =>
        matchesAdvice(host, advice) && hasWords([host.host, host.advice, ...host.workers].join(' '), text.split(/\s+/)),
    )
    .toSorted((a, b) => rank(b) - rank(a) || b.bad - a.bad || byName(a.host, b.host));
}

/** A price with three digits and no unit; the column says CLORE for 1 TH/s over a day. */
export function formatPrice(clore: number | null): string | null {
  if (clore === null) return null;
  return clore >= 1000 ? Math.round(clore).toLocaleString('en') : clore.toPrecision(3);
}

function textOf(row: MachineRow): string {
  const words = row.verdicts.map(({ verdict }) => verdictWords(verdict));
  return [row.worker, row.server, row.host, row.promised, row.algo, row.advice, ...words].join(' ');
}

/** `host:82` is that host and no other; every other word may stand anywhere. */
function isFound(row: MachineRow, wanted: string): boolean {
  const words = wanted.split(/\s+/).filter(Boolean);
  const [hosts, others] = [
    words.filter((word) => word.startsWith(HOST)),
    words.filter((word) => !word.startsWith(HOST)),
  ];
  return hosts.every((word) => row.host === word.slice(HOST.length)) && hasWords(textOf(row), others);
}

function hasWords(text: string, words: readonly string[]): boolean {
  const haystack = text.toLowerCase();
  return words.every((word) => haystack.includes(word.toLowerCase()));
}

function rank({ advice }: { advice: Advice }): number {
  return ADVICES.indexOf(advice);
}

function price(row: MachineRow): number {
  return row.clore_per_ths_day ?? -1;
}

const NATURAL = new Intl.Collator('en', { numeric: true });

function byName(a: string, b: string): number {
  return NATURAL.compare(a, b);
}
