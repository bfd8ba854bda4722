// What each machine was promised to do, what it does, and what to do about it; and the same of their owners.
import type { ComponentChildren } from 'preact';
import type { HostRow, MachineRow, MachinesAnswer } from '../../wire/machine-api.ts';
import { AdviceBadge } from './advice-badge.tsx';
import { Chip, Filters } from './filters.tsx';
import { formatAgeOf, formatBounds, formatCount, formatHashrate, UNKNOWN } from './format.ts';
import { Unreachable } from './header.tsx';
import {
  ADVICES_WORST_FIRST,
  adviceTone,
  findHosts,
  findMachines,
  formatPrice,
  hostText,
  matchesAdvice,
  verdictWords,
} from './advice.ts';
import { usePoll } from './poll.ts';
import { formatHash, MACHINES_VIEW } from './state.ts';
import type { View } from './state.ts';

const POLL_MS = 15_000;

type Change = (part: Partial<View>) => void;
interface PageProps {
  view: View;
  change: Change;
}

function AdviceFilters({
  of,
  what,
  csv,
  view,
  change,
}: PageProps & { of: readonly (MachineRow | HostRow)[]; what: string; csv?: string }) {
  return (
    <Filters
      what={what}
      hint={what === 'hosts' ? 'Filter by host, worker, advice' : 'Filter by worker, server, host, GPU, verdict'}
      text={view.text}
      change={(text) => change({ text })}
      by="advice"
      {...(csv === undefined ? {} : { csv })}
    >
      {(['all', 'trouble', ...ADVICES_WORST_FIRST] as const).map((filter) => {
        const pressed = view.advice === filter;
        return (
          <Chip
            key={filter}
            data={{ 'data-advice': filter }}
            word={filter}
            tone={filter === 'all' || filter === 'trouble' ? null : adviceTone(filter)}
            count={of.filter((one) => matchesAdvice(one, filter)).length}
            pressed={pressed}
            press={() => change({ advice: pressed ? 'all' : filter })}
          />
        );
      })}
    </Filters>
  );
}

/** What is wrong, worst first, in a few words; the sentences are in the title. */
function Verdicts({ row }: { row: MachineRow }) {
  if (row.verdicts.length === 0) return <span class="muted">nothing</span>;
  return (
    <span
      class="verdicts"
      title={row.verdicts
        .map(({ verdict, evidence }) => `${verdictWords(verdict)}\n  ${evidence.join('\n  ')}`)
        .join('\n')}
    >
      {row.verdicts.map(({ verdict, blame }) => (
        <span key={verdict} class={row.because.includes(verdict) ? 'because' : 'muted'}>
          {verdictWords(verdict)}
          {blame !== 'host' && <small class="muted"> ({blame})</small>}
        </span>
      ))}
    </span>
  );
}

function Rate({ hs, small, title }: { hs: number | null; small?: string | null; title?: string | undefined }) {
  return (
    <span title={title}>
      {formatHashrate(hs)}
      {small != null && <small class="muted"> ({small})</small>}
    </span>
  );
}

interface Column {
  name: string;
  title: string;
  hint?: string;
  numeric?: boolean;
  cell: (row: MachineRow, at: { now_ms: number; view: View }) => ComponentChildren;
}

const COLUMNS: readonly Column[] = [
  {
    name: 'advice',
    title: 'Advice',
    cell: (row, { now_ms }) => (
      <>
        <AdviceBadge advice={row.advice} />
        <small class="muted"> {formatAgeOf(row.advice_since, now_ms)}</small>
      </>
    ),
  },
  {
    name: 'machine',
    title: 'Machine',
    cell: (row, { view }) => (
      <>
        <a class="id" href={formatHash({ ...view, worker: row.worker })}>
          {row.worker}
        </a>
        {row.server !== null && <small class="muted"> server {row.server}</small>}
        {row.host !== null && (
          <a class="muted" href={formatHash({ ...MACHINES_VIEW, text: hostText(row.host) })}>
            <small> host {row.host}</small>
          </a>
        )}
      </>
    ),
  },
  { name: 'wrong', title: 'What is wrong', cell: (row) => <Verdicts row={row} /> },
  { name: 'promised', title: 'Promised', cell: (row) => row.promised ?? UNKNOWN },
  {
    name: 'expected',
    title: 'Expected',
    hint: 'What such GPUs hash at the ordered power limit',
    numeric: true,
    cell: ({ expected }) =>
      expected === null ? (
        UNKNOWN
      ) : (
        <Rate
          hs={expected.rate_hs}
          small={formatBounds(expected.rate_hs, expected.low_hs, expected.high_hs)}
          title={`${expected.source}: ${expected.says}`}
        />
      ),
  },
  { name: 'claimed', title: 'Claimed', numeric: true, cell: (row) => <Rate hs={row.claimed_hs} /> },
  {
    name: 'proven',
    title: 'Proven by shares',
    hint: 'Of the last hour that counts, with its 99.9 % interval',
    numeric: true,
    cell: (row) => (
      <Rate hs={row.delivered_hs} small={formatBounds(row.delivered_hs, row.delivered_low_hs, row.delivered_high_hs)} />
    ),
  },
  {
    name: 'pool',
    title: 'Pool’s figure',
    numeric: true,
    cell: ({ pool }, { now_ms }) =>
      pool === null ? (
        UNKNOWN
      ) : (
        <Rate hs={pool.pool_hs} small={pool.listed ? formatAgeOf(pool.at, now_ms) : 'not listed'} title={pool.api} />
      ),
  },
  {
    name: 'price',
    title: 'CLORE per TH/s·day',
    hint: 'What was paid for accepted work; with what the shares’ interval allows',
    numeric: true,
    cell: (row) => {
      const [low, high] = [formatPrice(row.clore_per_ths_day_low), formatPrice(row.clore_per_ths_day_high)];
      return (
        <span title={low !== null && high !== null ? `${low} to ${high}` : undefined}>
          {formatPrice(row.clore_per_ths_day) ?? UNKNOWN}
        </span>
      );
    },
  },
];

function Row({ row, view, now_ms }: { row: MachineRow; view: View; now_ms: number }) {
  function open(event: MouseEvent) {
    const onLink = event.target instanceof Element && event.target.closest('a') !== null;
    if (!onLink && getSelection()?.isCollapsed !== false) location.hash = formatHash({ ...view, worker: row.worker });
  }
  return (
    <tr class={`row tone-${adviceTone(row.advice)}`} data-machine={row.worker} onClick={open}>
      {COLUMNS.map((column) => (
        <td key={column.name} class={`col-${column.name}${column.numeric === true ? ' num' : ''}`}>
          {column.cell(row, { now_ms, view })}
        </td>
      ))}
    </tr>
  );
}

function Nothing({ asked }: { asked: boolean }) {
  return asked ? (
    <section class="notice">
      <h1>No machine has been judged yet</h1>
      <p>
        A worker is judged from its first report on. <code>npx spotrig order --submit</code> tells the collector what
        was promised and what is paid; without it, <code>SPOTRIG_EXPECT</code> in the order says what GPUs to expect.
      </p>
    </section>
  ) : (
    <p class="notice" role="status">
      Asking the collector…
    </p>
  );
}

/** Machines in one table, what is to be ended first. */
export function Machines({ view, change }: PageProps) {
  const polled = usePoll<MachinesAnswer>('/api/v1/machines', POLL_MS);
  const machines = polled.data?.machines ?? [];
  const shown = findMachines(machines, view);
  return (
    <section class="fleet">
      {polled.failed_status !== null && <Unreachable polled={polled} what="the machines" />}
      {machines.length === 0 ? (
        <Nothing asked={polled.data !== null} />
      ) : (
        <>
          <AdviceFilters of={machines} what="machines" csv="/api/v1/machines.csv" view={view} change={change} />
          <div class="box" role="region" aria-label="Machines" tabIndex={0}>
            <table class="machines">
              <thead>
                <tr>
                  {COLUMNS.map(({ name, title, hint, numeric }) => (
                    <th key={name} scope="col" class={`col-${name}${numeric === true ? ' num' : ''}`} title={hint}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shown.map((row) => (
                  <Row key={row.worker} row={row} view={view} now_ms={polled.now_ms} />
                ))}
              </tbody>
            </table>
            {shown.length === 0 && <p class="notice">No machine passes this filter.</p>}
          </div>
        </>
      )}
    </section>
  );
}

/** Owners of servers, worst first. */
export function Hosts({ view, change }: PageProps) {
  const polled = usePoll<MachinesAnswer>('/api/v1/machines', POLL_MS);
  const hosts = polled.data?.hosts ?? [];
  const shown = findHosts(hosts, view);
  return (
    <section class="fleet">
      {polled.failed_status !== null && <Unreachable polled={polled} what="the hosts" />}
      {hosts.length === 0 ? (
        <p class="notice">
          No host is known yet: <code>npx spotrig order --submit</code> tells the collector who owns the servers of your
          orders.
        </p>
      ) : (
        <>
          <AdviceFilters of={hosts} what="hosts" view={view} change={change} />
          <div class="box" role="region" aria-label="Hosts" tabIndex={0}>
            <table class="hosts">
              <thead>
                <tr>
                  <th scope="col">Advice</th>
                  <th scope="col">Host</th>
                  <th scope="col" class="num">
                    Bad servers
                  </th>
                  <th scope="col">Machines</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((host) => (
                  <tr key={host.host} data-host={host.host}>
                    <td>
                      <AdviceBadge advice={host.advice} />
                    </td>
                    <td>
                      <a href={formatHash({ ...MACHINES_VIEW, text: hostText(host.host) })}>{host.host}</a>
                    </td>
                    <td class="num">
                      {formatCount(host.bad)} <small class="muted">of {formatCount(host.judged)}</small>
                    </td>
                    <td class="links">
                      {host.workers.map((worker) => (
                        <a key={worker} href={formatHash({ ...view, worker })}>
                          {worker}
                        </a>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {shown.length === 0 && <p class="notice">No host passes this filter.</p>}
          </div>
        </>
      )}
    </section>
  );
}
