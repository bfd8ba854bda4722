// The table of the matrix. One cell is in the tab order; arrow keys go from cell to cell, Enter opens, Escape closes.
import { useEffect, useRef } from 'preact/hooks';
import type { MatrixCell } from '../../wire/api.ts';
import { ToneIcon } from './badge.tsx';
import { formatAgeOf, formatShare } from './format.ts';
import { isOld, ROLE_TITLES } from './grid.ts';
import type { Grid } from './grid.ts';
import { endpointParts, networkLabel, wordsOf } from './verdict.ts';

const ARROWS: Record<string, readonly [rows: number, columns: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The second line of a cell: how sure, how old, how many; of what is not known: why. */
function smallPrint(cell: MatrixCell, now_ms: number): string {
  const { verdict, confidence, evidence } = cell.verdict;
  if (verdict === 'inconclusive' && evidence[0] !== undefined) return evidence[0];
  const voices = cell.agreeing < cell.workers ? ` · ${cell.agreeing}/${cell.workers}` : '';
  return `${formatShare(confidence)} · ${formatAgeOf(cell.since, now_ms)}${voices}`;
}

function labelOf(cell: MatrixCell): string {
  const { word, sentence } = wordsOf(cell.verdict.verdict);
  const place = `${endpointParts(cell.target).host} from ${networkLabel(cell.network)}`;
  return [`${place}: ${word}`, sentence, ...cell.verdict.evidence.slice(0, 3)].join('\n');
}

function CellButton({
  cell,
  now_ms,
  isOpen,
  inTabOrder,
  onClick,
}: {
  cell: MatrixCell;
  now_ms: number;
  isOpen: boolean;
  inTabOrder: boolean;
  onClick: () => void;
}) {
  const { word, tone } = wordsOf(cell.verdict.verdict);
  const old = isOld(cell, now_ms);
  return (
    <button
      type="button"
      class={`cell tone-${tone}${old ? ' old' : ''}`}
      aria-pressed={isOpen}
      tabIndex={inTabOrder ? 0 : -1}
      title={labelOf(cell)}
      onClick={onClick}
    >
      <span class="cell-word">
        <ToneIcon tone={tone} />
        <span>{word}</span>
      </span>
      <small class="data">
        {old && <span class="old-mark">old</span>}
        {old ? `${formatAgeOf(cell.at, now_ms)} ago` : smallPrint(cell, now_ms)}
      </small>
    </button>
  );
}

function EndpointHead({ target }: { target: string }) {
  const { host, scheme } = endpointParts(target);
  return (
    <th scope="row" class="endpoint" title={target}>
      <span class="data">{host}</span>
      <small>{scheme}</small>
    </th>
  );
}

/** `show` opens the evidence of a cell, or closes it with null. */
export function MatrixTable({
  grid,
  open,
  now_ms,
  show,
}: {
  grid: Grid;
  open: MatrixCell | null;
  now_ms: number;
  show: (cell: MatrixCell | null) => void;
}) {
  const table = useRef<HTMLTableElement>(null);
  const first = grid.groups[0]?.rows[0]?.cells.find((cell) => cell !== null) ?? null;
  const shown = open !== null && grid.groups.some(({ rows }) => rows.some(({ cells }) => cells.includes(open)));
  const entry = shown ? open : first;

  // The evidence takes room from the table: its cell may have gone out of sight.
  useEffect(() => {
    table.current?.querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [open?.target, open?.network.key]);

  /** The next cell in that direction, over empty places. */
  function move(from: Element, [rows, columns]: readonly [number, number]) {
    const place = from.closest('td');
    const lines = [...(table.current?.querySelectorAll<HTMLTableRowElement>('tr.endpoints') ?? [])];
    if (place === null) return;
    let row = lines.findIndex((line) => line.contains(place)) + rows;
    let column = place.cellIndex + columns;
    while (lines[row]?.cells[column] !== undefined) {
      const button = lines[row]?.cells[column]?.querySelector('button');
      if (button !== null && button !== undefined) {
        button.focus();
        if (open !== null) button.click();
        return;
      }
      row += rows;
      column += columns;
    }
  }

  function onKeyDown(event: KeyboardEvent) {
    const arrow = ARROWS[event.key];
    if (arrow !== undefined && event.target instanceof Element) {
      event.preventDefault();
      move(event.target, arrow);
    } else if (event.key === 'Escape' && open !== null) show(null);
  }

  return (
    <table class="matrix" ref={table} onKeyDown={onKeyDown}>
      <thead>
        <tr>
          <th scope="col" class="corner">
            Endpoint
          </th>
          {grid.columns.map((network) => (
            <th key={network.key} scope="col" title={networkLabel(network)}>
              <span class="data">{network.key}</span>
              <small>{network.country ?? ''}</small>
            </th>
          ))}
        </tr>
      </thead>
      {grid.groups.map(({ role, rows }) => (
        <tbody key={role}>
          <tr class="role">
            <th scope="rowgroup" colSpan={grid.columns.length + 1}>
              <span>{ROLE_TITLES[role]}</span>
            </th>
          </tr>
          {rows.map(({ target, cells }) => (
            <tr key={target} class="endpoints" data-target={target}>
              <EndpointHead target={target} />
              {cells.map((cell, i) => (
                <td key={grid.columns[i]?.key ?? i}>
                  {cell !== null && (
                    <CellButton
                      cell={cell}
                      now_ms={now_ms}
                      isOpen={cell === open}
                      inTabOrder={cell === entry}
                      onClick={() => show(cell)}
                    />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}
