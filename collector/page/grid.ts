// The matrix as rows and columns: endpoints by role, networks, and the cells where both were measured.
import { REACHABILITY_STALE_MS } from '../../wire/api.ts';
import type { MatrixCell } from '../../wire/api.ts';
import { standing } from '../../wire/standing.ts';
import { isTroubleVerdict, matchesVerdict, networkLabel, wordsOf } from './verdict.ts';
import type { VerdictFilter } from './verdict.ts';

type Role = MatrixCell['role'];

export const ROLE_TITLES: Record<Role, string> = {
  pool: 'Pools',
  collector: 'Collectors',
  frps: 'Tunnel servers',
  baseline: 'Other sites',
};
const ROLES = Object.keys(ROLE_TITLES) as readonly Role[];

export interface Row {
  target: string;
  /** One a column; null = never measured there. */
  cells: readonly (MatrixCell | null)[];
}

export interface Grid {
  columns: readonly MatrixCell['network'][];
  groups: readonly { role: Role; rows: readonly Row[] }[];
  /** Cells that the filter looks for. */
  found: number;
}

/** Measured too long ago to say anything about now. */
export function isOld(cell: MatrixCell, now_ms: number): boolean {
  return now_ms - Date.parse(cell.at) > REACHABILITY_STALE_MS;
}

function matchesText(cell: MatrixCell, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { verdict } = cell.verdict;
  const text = `${cell.target} ${networkLabel(cell.network)} ${verdict} ${wordsOf(verdict).word}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The cells that pass the filters. */
export function findCells(
  cells: readonly MatrixCell[],
  filter: { text: string; verdict: VerdictFilter },
): readonly MatrixCell[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return cells.filter((cell) => matchesVerdict(cell.verdict.verdict, filter.verdict) && matchesText(cell, words));
}

const NATURAL = new Intl.Collator('en', { numeric: true });

/** Names in order: the worst fresh verdict first, then the number of troubled cells, then as people count. */
function worstFirst(cells: readonly MatrixCell[], now_ms: number, nameOf: (cell: MatrixCell) => string): string[] {
  const places = new Map<string, { worst: number; troubled: number }>();
  for (const cell of cells) {
    const name = nameOf(cell);
    const place = places.get(name) ?? { worst: 0, troubled: 0 };
    places.set(name, place);
    const { verdict } = cell.verdict;
    if (isOld(cell, now_ms) || !isTroubleVerdict(verdict)) continue;
    place.worst = Math.max(place.worst, standing(verdict));
    place.troubled += 1;
  }
  return [...places]
    .toSorted(([a, x], [b, y]) => y.worst - x.worst || y.troubled - x.troubled || NATURAL.compare(a, b))
    .map(([name]) => name);
}

/**
 * Rows and columns that hold a cell that is looked for, with all their cells: what stands beside it is part of the answer.
 */
export function gridOf(
  cells: readonly MatrixCell[],
  filter: { text: string; verdict: VerdictFilter },
  now_ms: number,
): Grid {
  const found = findCells(cells, filter);
  const networks = new Map(found.map((cell) => [cell.network.key, cell.network]));
  const columns = worstFirst(found, now_ms, (cell) => cell.network.key).flatMap((key) => networks.get(key) ?? []);
  const byPlace = new Map(cells.map((cell) => [`${cell.role} ${cell.target} ${cell.network.key}`, cell]));
  const groups = ROLES.map((role) => ({
    role,
    rows: worstFirst(
      found.filter((cell) => cell.role === role),
      now_ms,
      (cell) => cell.target,
    ).map((target) => ({
      target,
      cells: columns.map(({ key }) => byPlace.get(`${role} ${target} ${key}`) ?? null),
    })),
  })).filter(({ rows }) => rows.length > 0);
  return { columns, groups, found: found.length };
}
