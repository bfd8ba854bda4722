import type { MachineRow } from '../../wire/machine-api.ts';
import { type CsvColumns, csvTable } from './csv.ts';

const COLUMNS: CsvColumns<MachineRow> = [
  ['worker', (row) => row.worker],
  ['server', (row) => row.server],
  ['host', (row) => row.host],
  ['advice', (row) => row.advice],
  ['advice_since', (row) => row.advice_since],
  ['because', (row) => row.because],
  ['against_host', (row) => String(row.against_host)],
  ['promised', (row) => row.promised],
  ['algo', (row) => row.algo],
  ['expected_hs', (row) => row.expected?.rate_hs ?? null],
  ['expected_low_hs', (row) => row.expected?.low_hs ?? null],
  ['expected_high_hs', (row) => row.expected?.high_hs ?? null],
  ['expected_source', (row) => row.expected?.source ?? null],
  ['claimed_hs', (row) => row.claimed_hs],
  ['delivered_hs', (row) => row.delivered_hs],
  ['delivered_low_hs', (row) => row.delivered_low_hs],
  ['delivered_high_hs', (row) => row.delivered_high_hs],
  ['pool_hs', (row) => row.pool?.pool_hs ?? null],
  ['pool_at', (row) => row.pool?.at ?? null],
  ['paid_hs', (row) => row.paid_hs],
  ['bid_clore_day', (row) => row.bid_clore_day],
  ['spent_clore', (row) => row.spent_clore],
  ['clore_per_ths_day', (row) => row.clore_per_ths_day],
  ['clore_per_ths_day_low', (row) => row.clore_per_ths_day_low],
  ['clore_per_ths_day_high', (row) => row.clore_per_ths_day_high],
  ['placed_at', (row) => row.placed_at],
  ['ended_at', (row) => row.ended_at],
  ['judged_at', (row) => row.at],
  ['evidence', (row) => row.verdicts.flatMap(({ evidence }) => evidence)],
];

/** One row a machine, in the order given. Rates in H/s, prices in CLORE. */
export function machinesCsv(machines: readonly MachineRow[]): string {
  return csvTable(COLUMNS, machines);
}
