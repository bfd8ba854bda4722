// What the reader looks at (which worker, which filter, which order), kept in the address, so that a view can be sent as a link.
import type { EventRow, WorkerRow } from '../../wire/api.ts';
import { isAdviceFilter } from './advice.ts';
import type { AdviceFilter } from './advice.ts';
import { isVerdictFilter } from './verdict.ts';
import type { VerdictFilter } from './verdict.ts';
import { isTrouble, severityRank, stateWord, STATES_WORST_FIRST } from './trouble.ts';
import type { WorkerState } from './trouble.ts';

export const SORT_KEYS = [
  'state',
  'worker',
  'claimed',
  'delivered',
  'accepted',
  'rejected',
  'unanswered',
  'power',
  'temperature',
  'pool',
  'miner',
  'event',
] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export type StateFilter = WorkerState | 'all' | 'trouble';

/** Fragments of the pages. */
const PAGES = {
  fleet: '#/',
  machines: '#/machines',
  hosts: '#/hosts',
  reachability: '#/reachability',
  events: '#/events',
} as const;

/** How far back a worker's plots go, in seconds. */
export const SPANS_S = { hour: 3600, day: 86_400, week: 604_800, quarter: 7_776_000 } as const;
export type Span = keyof typeof SPANS_S;

export interface View {
  page: keyof typeof PAGES;
  /** The worker whose detail is open; null = the fleet or the matrix. */
  worker: string | null;
  text: string;
  state: StateFilter;
  sort: SortKey;
  descending: boolean;
  /** Which cells of the matrix are looked for. */
  verdict: VerdictFilter;
  /** Which machines or hosts are looked for, by what is advised. */
  advice: AdviceFilter;
  span: Span;
  /** The cell whose evidence is open: URL of its endpoint and key of its network; both or none. */
  target: string | null;
  network: string | null;
}

/** The whole fleet, trouble first. */
export const FIRST_VIEW: View = {
  page: 'fleet',
  worker: null,
  text: '',
  state: 'all',
  sort: 'state',
  descending: false,
  verdict: 'all',
  advice: 'all',
  span: 'hour',
  target: null,
  network: null,
};

/** The whole matrix. */
export const MATRIX_VIEW: View = { ...FIRST_VIEW, page: 'reachability' };

/** Machines, those to be ended first. */
export const MACHINES_VIEW: View = { ...FIRST_VIEW, page: 'machines' };

/** Owners of servers. */
export const HOSTS_VIEW: View = { ...FIRST_VIEW, page: 'hosts' };

/** Every event. */
export const EVENTS_VIEW: View = { ...FIRST_VIEW, page: 'events' };

function isSortKey(text: string): text is SortKey {
  return (SORT_KEYS as readonly string[]).includes(text);
}

function isStateFilter(text: string): text is StateFilter {
  return text === 'all' || text === 'trouble' || (STATES_WORST_FIRST as readonly string[]).includes(text);
}

function decodeOrNull(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // A hand-made address with a lone percent sign: it names no worker.
    return null;
  }
}

function pageOf(path: string): View['page'] {
  const pages = Object.keys(PAGES) as View['page'][];
  return pages.find((page) => PAGES[page] === path) ?? 'fleet';
}

/**
 * Reads the address's fragment: `#/w/<id>?q=…&state=…&sort=…&desc=1&span=…`, `#/machines?q=…&advice=…`, `#/hosts?…`, `#/events?q=…`, or
 * `#/reachability?q=…&verdict=…&target=…&network=…`. Whatever it does not know is as in the first view.
 */
export function parseHash(hash: string): View {
  const mark = hash.indexOf('?');
  const path = mark < 0 ? hash : hash.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : hash.slice(mark + 1));
  const id = /^#\/w\/([^/]+)$/.exec(path)?.[1];
  const state = query.get('state') ?? '';
  const sort = query.get('sort') ?? '';
  const verdict = query.get('verdict') ?? '';
  const advice = query.get('advice') ?? '';
  const span = query.get('span') ?? '';
  const target = query.get('target');
  const network = query.get('network');
  const cell = target === null || network === null ? null : { target, network };
  return {
    ...FIRST_VIEW,
    ...cell,
    page: pageOf(path),
    worker: id === undefined ? null : decodeOrNull(id),
    text: query.get('q') ?? '',
    state: isStateFilter(state) ? state : FIRST_VIEW.state,
    sort: isSortKey(sort) ? sort : FIRST_VIEW.sort,
    descending: query.get('desc') === '1',
    verdict: isVerdictFilter(verdict) ? verdict : FIRST_VIEW.verdict,
    advice: isAdviceFilter(advice) ? advice : FIRST_VIEW.advice,
    span: Object.hasOwn(SPANS_S, span) ? (span as Span) : FIRST_VIEW.span,
  };
}

/** The fragment of a view; only what differs from the first view is written. */
export function formatHash(view: View): string {
  const query = new URLSearchParams();
  if (view.text !== '') query.set('q', view.text);
  if (view.state !== FIRST_VIEW.state) query.set('state', view.state);
  if (view.sort !== FIRST_VIEW.sort) query.set('sort', view.sort);
  if (view.descending) query.set('desc', '1');
  if (view.verdict !== FIRST_VIEW.verdict) query.set('verdict', view.verdict);
  if (view.advice !== FIRST_VIEW.advice) query.set('advice', view.advice);
  if (view.span !== FIRST_VIEW.span) query.set('span', view.span);
  if (view.target !== null) query.set('target', view.target);
  if (view.network !== null) query.set('network', view.network);
  const path = view.worker === null ? PAGES[view.page] : `#/w/${encodeURIComponent(view.worker)}`;
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** Hottest core of a worker's GPUs in °C; null when none tells. */
export function hottest(worker: WorkerRow): number | null {
  const known = worker.gpus.flatMap((gpu) => (gpu.temperature_c === null ? [] : [gpu.temperature_c]));
  return known.length === 0 ? null : Math.max(...known);
}

/** `t-rex · kawpow`; null when the worker has told neither. */
export function minerLabel(worker: WorkerRow): string | null {
  const parts = [worker.miner, worker.algo].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(' · ');
}

/** The worker's id, state, pool, miner, GPU models and last event. */
function searchText(worker: WorkerRow): string {
  const event = worker.last_event;
  const parts = [
    worker.id,
    stateWord(worker.state),
    worker.pool,
    worker.miner,
    worker.algo,
    event?.event,
    event?.detail,
  ];
  return [...parts, ...worker.gpus.map((gpu) => gpu.model)].join(' ').toLowerCase();
}

/** The state of a filter matches. */
export function matchesState(worker: WorkerRow, filter: StateFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'trouble' ? isTrouble(worker) : worker.state === filter;
}

/** Every word of `text` occurs somewhere in what `searched` gives, in lower case. */
function hasWords(text: string, searched: () => string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const haystack = searched();
  return words.every((word) => haystack.includes(word));
}

/** Every word of the text occurs somewhere in the event, its worker, or what a stranger called itself. */
export function matchesEvent(event: EventRow, text: string): boolean {
  const { worker, claimed, event: name, detail, level } = event;
  const parts = [worker ?? 'no worker', claimed?.frp_user, claimed?.frp_proxy, name.replaceAll('_', ' '), name, level];
  return hasWords(text, () => [...parts, detail].join(' ').toLowerCase());
}

const NATURAL = new Intl.Collator('en', { numeric: true });

const SORT_VALUES: Record<SortKey, (worker: WorkerRow) => number | string | null> = {
  state: severityRank,
  worker: (worker) => worker.id,
  claimed: (worker) => worker.claimed_hs,
  delivered: (worker) => worker.delivered_hs,
  accepted: (worker) => worker.accepted,
  rejected: (worker) => worker.rejected,
  unanswered: (worker) => worker.unanswered,
  power: (worker) => worker.power_w,
  temperature: hottest,
  pool: (worker) => worker.pool,
  miner: minerLabel,
  event: (worker) => (worker.last_event === null ? null : Date.parse(worker.last_event.at)),
};

/** A column's order at the first click: names and states upwards, figures and times from the largest. */
export function startsDescending(key: SortKey): boolean {
  return !['state', 'worker', 'pool', 'miner'].includes(key);
}

/** The workers that pass the filters, in order. Unknown values come last in both directions; ties go by id. */
export function arrange(workers: readonly WorkerRow[], view: View): WorkerRow[] {
  const valueOf = SORT_VALUES[view.sort];
  const sign = view.descending ? -1 : 1;
  return workers
    .filter((worker) => matchesState(worker, view.state) && hasWords(view.text, () => searchText(worker)))
    .map((worker) => ({ worker, value: valueOf(worker) }))
    .toSorted((a, b) => {
      if (a.value === null || b.value === null) {
        return Number(a.value === null) - Number(b.value === null) || NATURAL.compare(a.worker.id, b.worker.id);
      }
      const order =
        typeof a.value === 'number' && typeof b.value === 'number'
          ? a.value - b.value
          : NATURAL.compare(String(a.value), String(b.value));
      return sign * order || NATURAL.compare(a.worker.id, b.worker.id);
    })
    .map(({ worker }) => worker);
}
