import type { BootChange } from './store.ts';

/** What is known of a boot: its records' moments, by the collector's clock, unix ms. */
export interface BootSpan {
  boot: string;
  first_at_ms: number;
  last_at_ms: number;
}

/**
 * Which boot of a worker is the current one: the one with the newest record. Judged by the records' moments and not by
 * arrival, because after a kill the new boot sends what the old one had spooled. `known_since_ms`: oldest moment that was
 * known of the report's own boot before this report.
 */
export function bootChange(o: {
  current: BootSpan | null;
  known_since_ms: number | null;
  boot: string;
  newest_at_ms: number;
}): BootChange {
  if (o.current === null) return 'first';
  if (o.current.boot === o.boot) return 'current';
  if (o.newest_at_ms <= o.current.last_at_ms) return 'late';
  // A boot that was there before the current one began, and speaks of a later moment: both are alive.
  return o.known_since_ms !== null && o.known_since_ms <= o.current.first_at_ms ? 'returned' : 'switched';
}
