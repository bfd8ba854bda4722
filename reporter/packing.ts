import { RECORDS_MAX } from '../wire/limits.ts';
import type { WireRecord } from '../wire/records.ts';

/**
 * Largest report as JSON. Far below the collector's limit on purpose: gzipped (about one in five) and with TLS around it, a report
 * stays under the 12 KB after which some filters freeze a connection. One record alone may be larger (a log in Cyrillic).
 */
export const REPORT_TARGET_BYTES = 40_000;

/** Records as reports, in order, none over the limits of the wire. */
export function packReports(records: readonly WireRecord[]): WireRecord[][] {
  const reports: WireRecord[][] = [];
  let bytes = Infinity;
  for (const record of records) {
    const size = Buffer.byteLength(JSON.stringify(record)) + 1;
    const last = reports.at(-1);
    if (last === undefined || bytes + size > REPORT_TARGET_BYTES || last.length >= RECORDS_MAX) {
      reports.push([record]);
      bytes = size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return reports;
}
