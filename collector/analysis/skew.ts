import type { Envelope } from '../../wire/envelope.ts';
import type { Network } from '../../wire/reachability.ts';
import type { WireRecord } from '../../wire/records.ts';
import type { NewReport } from '../store/store.ts';

/** A smaller difference may be the network's; a larger one is a wrong clock, and the records are moved by it. */
export const SKEW_MIN_MS = 5000;

/**
 * An envelope as the store takes it: moments by the collector's clock, none in the future, and without records received too
 * late to be kept (`keep_ms`). Dropping these makes it safe to forget old (worker, boot, seq): what comes again then is too
 * old as well.
 */
export function correctReport(envelope: Envelope, received_at_ms: number, keep_ms: number): NewReport {
  const difference = received_at_ms - envelope.sentAt;
  const skew_ms = Math.abs(difference) > SKEW_MIN_MS ? difference : 0;
  const moved = (at_ms: number): number => Math.min(Math.max(0, at_ms + skew_ms), received_at_ms);
  const records = envelope.records.map((record) => ({
    at_ms: moved(record.at_ms),
    record: withBaselineMoved(record, moved),
  }));
  return {
    worker: envelope.worker,
    boot: envelope.boot,
    seq: envelope.seq,
    sent_at_ms: envelope.sentAt,
    received_at_ms,
    skew_ms,
    records: records.filter((timed) => timed.at_ms >= received_at_ms - keep_ms),
  };
}

/** The baseline has a moment of its own, which a verdict holds against the record's. */
function withBaselineMoved(record: WireRecord, moved: (at_ms: number) => number): WireRecord {
  if (record.kind !== 'reachability' || record.baseline === null) return record;
  return { ...record, baseline: { ...record.baseline, at_ms: moved(record.baseline.at_ms) } };
}

/**
 * The record with what the collector knows better: the network is the one that the report came from, and this collector's own
 * control samples are in its store; a worker's copies of them prove nothing.
 */
export function stampedRecord(record: WireRecord, network: Network, own_name: string): WireRecord {
  if (record.kind !== 'reachability') return record;
  return { ...record, egress: network, controls: record.controls.filter((sample) => sample.by !== own_name) };
}
