// The bench's figures as text.
import { median, quantile } from '../bench/statistics.ts';
import type { TrialResult } from './series.ts';

/** A table by kind, and a row for all. */
export function tableOf(results: readonly TrialResult[]): string {
  const groups = new Map<string, TrialResult[]>();
  for (const result of results.filter((r) => r.skipped === null)) {
    const { kind, isCold } = result.plan;
    const name = `${kind}${isCold ? ', cold' : ''}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const header = ['kind', 'trials', 'converged', 'median s', 'p95 s', 'max s', 'violations'];
  const rows = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => rowOf(name, of));
  return layOut([header, ...rows, rowOf('all', [...groups.values()].flat())]);
}

/** How often each step of a start was caught. */
export function stepsOf(results: readonly TrialResult[]): string {
  const counts = new Map<string, number>();
  for (const step of results.flatMap((r) => r.caught)) counts.set(step, (counts.get(step) ?? 0) + 1);
  const missed = results.flatMap((r) => r.missed).length;
  const list = [...counts].map(([step, n]) => `${step} ${n}`).join(', ');
  return `caught at: ${list || 'none'}${missed > 0 ? `; passed unseen ${missed}` : ''}`;
}

function rowOf(name: string, results: readonly TrialResult[]): string[] {
  const seconds = results.map((r) => r.seconds).filter((s) => s !== null);
  const figure = (of: (list: number[]) => number): string => (seconds.length === 0 ? '-' : of(seconds).toFixed(1));
  return [
    name,
    String(results.length),
    String(seconds.length),
    figure(median),
    figure((list) => quantile(list, 0.95)),
    figure((list) => Math.max(...list)),
    String(results.flatMap((r) => r.violations).length),
  ];
}

function layOut(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n');
}
