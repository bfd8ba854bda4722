import type { WireRecord } from '../wire/records.ts';

/**
 * Largest report as JSON. Far below the collector's limit on purpose: a report has a connection of its own, and the filters in
 * the way freeze one after 12 KB or after 25 packets, both directions together (facts/censorship.md section 1, row 17). Gzipped
 * to about a quarter, with TLS around it, this makes some 20 packets. One record alone may be larger (a log in Cyrillic).
 */
export const REPORT_TARGET_BYTES = 12_000;

/** Records as reports, in order, none over the limits of the wire: so few bytes never hold RECORDS_MAX records. */
export function packReports(records: readonly WireRecord[]): WireRecord[][] {
  const reports: WireRecord[][] = [];
  let bytes = Infinity;
  for (const record of records) {
    const size = Buffer.byteLength(JSON.stringify(record)) + 1;
    const last = reports.at(-1);
    if (last === undefined || bytes + size > REPORT_TARGET_BYTES) {
      reports.push([record]);
      bytes = size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return reports;
}
