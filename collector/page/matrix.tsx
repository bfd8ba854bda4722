// Where which endpoint can be reached: endpoints × networks in one look, and the evidence of a cell.
import { useMemo } from 'preact/hooks';
import type { MatrixAnswer, MatrixCell } from '../../wire/api.ts';
import { ToneIcon } from './badge.tsx';
import { CellEvidence } from './cell-evidence.tsx';
import { Chip, Filters } from './filters.tsx';
import { formatCount } from './format.ts';
import { findCells, gridOf } from './grid.ts';
import { Unreachable } from './header.tsx';
import { MatrixTable } from './matrix-table.tsx';
import { usePoll } from './poll.ts';
import type { View } from './state.ts';
import { VERDICTS_SHOWN, wordsOf } from './verdict.ts';

const POLL_MS = 30_000;

type Change = (part: Partial<View>) => void;

/** The chips are the legend too: icon and word of every verdict that occurs. */
function MatrixFilters({ cells, view, change }: { cells: readonly MatrixCell[]; view: View; change: Change }) {
  const present = VERDICTS_SHOWN.filter(
    (verdict) => view.verdict === verdict || cells.some((cell) => cell.verdict.verdict === verdict),
  );
  return (
    <Filters
      what="matrix"
      hint="Filter by endpoint, network, country"
      text={view.text}
      change={(text) => change({ text })}
      by="verdict"
      csv="/api/v1/reachability/matrix.csv"
    >
      {(['all', 'trouble', ...present] as const).map((filter) => {
        const words = filter === 'all' || filter === 'trouble' ? null : wordsOf(filter);
        const pressed = view.verdict === filter;
        return (
          <Chip
            key={filter}
            data={{ 'data-verdict': filter }}
            word={words?.word ?? filter}
            tone={words?.tone ?? null}
            title={words?.sentence}
            count={findCells(cells, { text: view.text, verdict: filter }).length}
            pressed={pressed}
            press={() => change({ verdict: pressed ? 'all' : filter })}
          />
        );
      })}
    </Filters>
  );
}

function Legend() {
  return (
    <details class="legend">
      <summary>What the words mean</summary>
      <dl>
        {VERDICTS_SHOWN.map((verdict) => {
          const { word, tone, sentence } = wordsOf(verdict);
          return (
            <div key={verdict}>
              <dt class={`badge tone-${tone}`}>
                <ToneIcon tone={tone} />
                <span class="word">{word}</span>
              </dt>
              <dd>{sentence}</dd>
            </div>
          );
        })}
        <div>
          <dt>95 % · 3 h · 2/3</dt>
          <dd>Confidence, since when, and how many of the network’s workers say so where not all do.</dd>
        </div>
        <div>
          <dt>
            <span class="old-mark">old</span>
          </dt>
          <dd>The last sample is more than 40 minutes old. An empty cell was never measured there.</dd>
        </div>
      </dl>
    </details>
  );
}

function Nothing({ asked }: { asked: boolean }) {
  return asked ? (
    <section class="notice">
      <h1>Nothing has been measured yet</h1>
      <p>
        A worker measures every pool, collector and tunnel server of its settings soon after its start, and every 15 to
        20 minutes from then on.
      </p>
    </section>
  ) : (
    <p class="notice" role="status">
      Asking the collector…
    </p>
  );
}

/** The matrix with its filters, and the evidence of the cell that the address names. */
export function Matrix({ view, change }: { view: View; change: Change }) {
  const polled = usePoll<MatrixAnswer>('/api/v1/reachability/matrix', POLL_MS);
  const { now_ms } = polled;
  const cells = polled.data?.cells ?? [];
  const { text, verdict } = view;
  const grid = useMemo(() => gridOf(cells, { text, verdict }, now_ms), [polled.data, text, verdict, now_ms]);
  const open = cells.find((cell) => cell.target === view.target && cell.network.key === view.network) ?? null;

  if (cells.length === 0) {
    return (
      <>
        <Unreachable polled={polled} what="the matrix" />
        <Nothing asked={polled.data !== null} />
      </>
    );
  }
  return (
    <section class="matrix-page">
      {polled.failed_status !== null && <Unreachable polled={polled} what="the matrix" />}
      <MatrixFilters cells={cells} view={view} change={change} />
      <Legend />
      <div class={open === null ? 'matrix-split' : 'matrix-split with-evidence'}>
        <div class="box" role="region" aria-label="Reachability of endpoints by network">
          {grid.found === 0 ? (
            <p class="notice">
              No cell passes this filter.{' '}
              <button type="button" class="plain" onClick={() => change({ text: '', verdict: 'all' })}>
                Show all {formatCount(cells.length)}
              </button>
            </p>
          ) : (
            <MatrixTable
              grid={grid}
              open={open}
              now_ms={now_ms}
              show={(cell) => change({ target: cell?.target ?? null, network: cell?.network.key ?? null })}
            />
          )}
        </div>
        {open !== null && (
          <CellEvidence
            key={`${open.target} ${open.network.key}`}
            cell={open}
            now_ms={now_ms}
            close={() => change({ target: null, network: null })}
          />
        )}
      </div>
      {(polled.data?.left_out ?? 0) > 0 && (
        <p class="muted">{formatCount(polled.data?.left_out ?? 0)} more cells are not shown.</p>
      )}
    </section>
  );
}
