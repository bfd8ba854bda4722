// The matrix as a table for a spreadsheet: one row a cell.
import type { MatrixCell } from '../../wire/api.ts';
import { type CsvColumns, csvTable } from './csv.ts';

const COLUMNS: CsvColumns<MatrixCell> = [
  ['role', (cell) => cell.role],
  ['target', (cell) => cell.target],
  ['network', (cell) => cell.network.key],
  ['asn', (cell) => cell.network.asn],
  ['country', (cell) => cell.network.country],
  ['verdict', (cell) => cell.verdict.verdict],
  ['layer', (cell) => cell.verdict.layer],
  ['method', (cell) => cell.verdict.method],
  ['scope', (cell) => cell.verdict.scope],
  ['flags', (cell) => cell.verdict.flags],
  ['confidence', (cell) => cell.verdict.confidence],
  ['since', (cell) => cell.since],
  ['at', (cell) => cell.at],
  ['workers', (cell) => cell.workers],
  ['agreeing', (cell) => cell.agreeing],
  ['evidence', (cell) => cell.verdict.evidence],
];

/** CSV in the order of the cells. */
export function matrixCsv(cells: readonly MatrixCell[]): string {
  return csvTable(COLUMNS, cells);
}
