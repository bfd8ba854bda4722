// Every worker in one table.
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { WorkerRow, WorkersAnswer } from '../../wire/api.ts';
import { COLUMNS } from './columns.tsx';
import type { Column } from './columns.tsx';
import { Connect } from './connect.tsx';
import { Chip, Filters } from './filters.tsx';
import { formatCount } from './format.ts';
import type { Polled } from './poll.ts';
import { arrange, FIRST_VIEW, formatHash, matchesState, startsDescending } from './state.ts';
import type { StateFilter, View } from './state.ts';
import { isSilent, stateTone, stateWord, STATES_WORST_FIRST, toneOf } from './trouble.ts';

type Change = (part: Partial<View>) => void;

function FleetFilters({ workers, view, change }: { workers: readonly WorkerRow[]; view: View; change: Change }) {
  const count = (filter: StateFilter) => workers.filter((worker) => matchesState(worker, filter)).length;
  const present = STATES_WORST_FIRST.filter((state) => count(state) > 0 || view.state === state);
  return (
    <Filters
      what="workers"
      hint="Filter by worker, pool, miner, GPU, event"
      text={view.text}
      change={(text) => change({ text })}
      by="state"
    >
      {(['all', 'trouble', ...present] as const).map((filter) => {
        const state = filter === 'all' || filter === 'trouble' ? null : filter;
        const pressed = view.state === filter;
        return (
          <Chip
            key={filter}
            data={{ 'data-state': filter }}
            word={state === null ? filter : stateWord(state)}
            tone={state === null ? null : stateTone(state)}
            count={count(filter)}
            pressed={pressed}
            press={() => change({ state: pressed ? 'all' : filter })}
          />
        );
      })}
    </Filters>
  );
}

function HeadCell({ column, view, change }: { column: Column; view: View; change: Change }) {
  const sorted = view.sort === column.key;
  function sort() {
    change({ sort: column.key, descending: sorted ? !view.descending : startsDescending(column.key) });
  }
  return (
    <th
      scope="col"
      class={`col-${column.key}${column.numeric === true ? ' num' : ''}`}
      aria-sort={sorted ? (view.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" onClick={sort} title={column.hint ?? `Sort by ${column.title.toLowerCase()}`}>
        {column.title}
      </button>
    </th>
  );
}

function Row({ worker, view, now_ms }: { worker: WorkerRow; view: View; now_ms: number }) {
  // The link in the row serves keys, readers and new tabs; the rest of the row is a larger target for the pointer.
  function open(event: MouseEvent) {
    const onLink = event.target instanceof Element && event.target.closest('a') !== null;
    const selecting = getSelection()?.isCollapsed === false;
    if (!onLink && !selecting) location.hash = formatHash({ ...view, worker: worker.id });
  }
  return (
    <tr class={`row tone-${toneOf(worker)}${isSilent(worker) ? ' silent' : ''}`} data-worker={worker.id} onClick={open}>
      {COLUMNS.map((column) => (
        <td key={column.key} class={`col-${column.key}${column.numeric === true ? ' num' : ''}`}>
          {column.cell(worker, { now_ms, view })}
        </td>
      ))}
    </tr>
  );
}

/** The fleet's filters and table; `scroll` keeps the reader's place while a worker is open. */
export function Fleet({
  fleet,
  view,
  change,
  scroll,
}: {
  fleet: Polled<WorkersAnswer>;
  view: View;
  change: Change;
  scroll: { top: number };
}) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current !== null) box.current.scrollTop = scroll.top;
  }, [scroll]);

  if (fleet.data === null) {
    return (
      <p class="notice" role="status">
        {fleet.failing_since_ms === null
          ? 'Asking the collector…'
          : 'The fleet appears here as soon as the collector answers.'}
      </p>
    );
  }
  const { workers } = fleet.data;
  if (workers.length === 0) return <Connect />;
  const shown = arrange(workers, view);
  return (
    <section class="fleet">
      <FleetFilters workers={workers} view={view} change={change} />
      <div
        class="box"
        ref={box}
        role="region"
        aria-label="Workers"
        tabIndex={0}
        onScroll={(event) => {
          scroll.top = event.currentTarget.scrollTop;
        }}
      >
        <table class="workers">
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <HeadCell key={column.key} column={column} view={view} change={change} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((worker) => (
              <Row key={worker.id} worker={worker} view={view} now_ms={fleet.now_ms} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && (
          <p class="notice">
            No worker passes this filter.{' '}
            <button
              type="button"
              class="plain"
              onClick={() => change({ text: FIRST_VIEW.text, state: FIRST_VIEW.state })}
            >
              Show all {formatCount(workers.length)}
            </button>
          </p>
        )}
      </div>
    </section>
  );
}
