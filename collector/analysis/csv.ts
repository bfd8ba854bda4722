// Tables as CSV (RFC 4180) that a spreadsheet may open although workers wrote parts of it.

/** What one field may hold; unknown is an empty field, a list is joined with semicolons. */
export type CsvValue = string | number | null | readonly string[];

/** The text of a table with a header line; every line ends in CR LF. */
export function csvOf(header: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [header, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

/** Columns by name, with the value that a thing has in each. */
export type CsvColumns<T> = readonly (readonly [name: string, value: (of: T) => CsvValue])[];

/** The table of some things, one row each. */
export function csvTable<T>(columns: CsvColumns<T>, things: readonly T[]): string {
  return csvOf(
    columns.map(([name]) => name),
    things.map((thing) => columns.map(([, value]) => value(thing))),
  );
}

/** Spreadsheets run a text that begins so as a formula; with an apostrophe before it they show it as text. */
const FORMULA = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]/;

function field(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : value.join('; ');
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
