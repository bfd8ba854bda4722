// What happened, as a table for a spreadsheet: one row an event.
import type { EventRow } from '../../wire/api.ts';
import { type CsvColumns, csvTable } from './csv.ts';

const COLUMNS: CsvColumns<EventRow> = [
  ['at', (event) => event.at],
  ['worker', (event) => event.worker],
  ['claimed_frp_user', (event) => event.claimed?.frp_user ?? null],
  ['claimed_frp_proxy', (event) => event.claimed?.frp_proxy ?? null],
  ['boot', (event) => event.boot],
  ['event', (event) => event.event],
  ['level', (event) => event.level],
  ['detail', (event) => event.detail],
  ['exit_code', (event) => event.exit_code],
  ['signal', (event) => event.signal],
];

/** CSV in the order of the events; their log lines are left out. */
export function eventsCsv(events: readonly EventRow[]): string {
  return csvTable(COLUMNS, events);
}
