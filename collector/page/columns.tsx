// The columns of the fleet table, in order.
import type { ComponentChildren } from 'preact';
import type { WorkerRow } from '../../wire/api.ts';
import { StateBadge } from './badge.tsx';
import {
  formatAgeOf,
  formatBounds,
  formatCount,
  formatHashrate,
  formatName,
  formatPower,
  formatWhole,
  UNKNOWN,
} from './format.ts';
import { formatHash, hottest, minerLabel } from './state.ts';
import type { SortKey, View } from './state.ts';
import { notesOf } from './trouble.ts';

export interface Column {
  key: SortKey;
  title: string;
  /** Longer words for a title that had to be short. */
  hint?: string;
  numeric?: boolean;
  cell: (worker: WorkerRow, at: { now_ms: number; view: View }) => ComponentChildren;
}

/** Hashrate by accepted shares with its interval. */
export function Delivered({ worker }: { worker: WorkerRow }) {
  const bounds = formatBounds(worker.delivered_hs, worker.delivered_low_hs, worker.delivered_high_hs);
  return (
    <>
      {formatHashrate(worker.delivered_hs)}
      {bounds !== null && <small class="muted"> ({bounds})</small>}
    </>
  );
}

/** A pool without its scheme; the scheme is in the cell's title. */
function poolHost(pool: string | null): string {
  return pool?.replace(/^[a-z0-9+]+:\/\//, '') ?? UNKNOWN;
}

function LastEvent({ worker, now_ms }: { worker: WorkerRow; now_ms: number }) {
  const event = worker.last_event;
  const notes = notesOf(worker);
  const words = event === null ? '' : `${event.at} ${formatName(event.event)}: ${event.detail}`;
  return (
    <span class="event" title={[...notes, words].filter(Boolean).join('\n')}>
      {notes.length > 0 && <strong class="note">{notes.join('; ')}</strong>}
      {event === null ? (
        notes.length === 0 && UNKNOWN
      ) : (
        <>
          <span class="age muted">{formatAgeOf(event.at, now_ms)}</span>
          <span class={`level-${event.level}`}>{formatName(event.event)}</span>
          {event.detail !== '' && <span class="muted data">{event.detail}</span>}
        </>
      )}
    </span>
  );
}

export const COLUMNS: readonly Column[] = [
  { key: 'state', title: 'State', cell: (worker, { now_ms }) => <StateBadge worker={worker} now_ms={now_ms} /> },
  {
    key: 'worker',
    title: 'Worker',
    cell: (worker, { view }) => (
      <a class="id" href={formatHash({ ...view, worker: worker.id })} title={worker.id}>
        {worker.id}
      </a>
    ),
  },
  { key: 'claimed', title: 'Claimed', numeric: true, cell: (worker) => formatHashrate(worker.claimed_hs) },
  {
    key: 'delivered',
    title: 'Proven by shares',
    hint: 'Hashrate that accepted shares prove, with its 99.9 % interval',
    numeric: true,
    cell: (worker) => <Delivered worker={worker} />,
  },
  {
    key: 'accepted',
    title: 'Acc.',
    hint: 'Shares accepted',
    numeric: true,
    cell: (worker) => formatCount(worker.accepted),
  },
  {
    key: 'rejected',
    title: 'Rej.',
    hint: 'Shares rejected',
    numeric: true,
    cell: (worker) => formatCount(worker.rejected),
  },
  {
    key: 'unanswered',
    title: 'Unans.',
    hint: 'Shares whose answer from the pool never came',
    numeric: true,
    cell: (worker) => formatCount(worker.unanswered),
  },
  { key: 'power', title: 'Power', numeric: true, cell: (worker) => formatPower(worker.power_w) },
  {
    key: 'temperature',
    title: 'Temp.',
    hint: 'Temperature of the hottest GPU',
    numeric: true,
    cell: (worker) => formatWhole(hottest(worker), '°C'),
  },
  { key: 'pool', title: 'Pool', cell: (worker) => <span title={worker.pool ?? ''}>{poolHost(worker.pool)}</span> },
  { key: 'miner', title: 'Miner', cell: (worker) => minerLabel(worker) ?? UNKNOWN },
  {
    key: 'event',
    title: 'Last event',
    cell: (worker, { now_ms }) => <LastEvent worker={worker} now_ms={now_ms} />,
  },
];
