import type { Row } from './measurement.ts';

const HEADINGS = ['what', 'measured', 'compared with', 'ratio', 'budget', ''];

function cells(row: Row): string[] {
  const verdict = row.isOk === null ? '' : row.isOk ? 'ok' : 'OVER';
  const ratio = row.ratio === null ? '' : row.ratio.toFixed(row.ratio < 0.1 ? 4 : 2);
  return [row.what, row.measured, row.against, ratio, row.budget ?? '', verdict];
}

/** The rows as text with aligned columns. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const text = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()); // prettier-ignore
  const [head = '', ...body] = text;
  return [head, widths.map((width) => '-'.repeat(width)).join('  '), ...body].join('\n');
}
