import type { StoredEvent } from '../store/store.ts';

/**
 * The event that tells an owner most in one line, of a worker's newest events (newest first): the newest one, but the complaint
 * itself rather than the head's word, right after it, that the settings were refused. null when there are none.
 */
export function tellingEvent(events: readonly StoredEvent[]): StoredEvent | null {
  const newest = events[0] ?? null;
  if (newest?.record.event !== 'hello' || !newest.record.detail.includes('settings')) return newest;
  return events.find((e) => e.record.event === 'settings_refused' && newest.at_ms - e.at_ms < NEAR_MS) ?? newest;
}

/** Node ends within seconds of its complaints, and the head's hello may wait for a slow link. */
const NEAR_MS = 60_000;
