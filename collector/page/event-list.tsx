// What happened in the whole fleet, newest first, and what the collector itself noticed, such as strangers that frps refused.
import type { EventsAnswer } from '../../wire/api.ts';
import { Events } from './events.tsx';
import { Filters } from './filters.tsx';
import { formatCount } from './format.ts';
import { Unreachable } from './header.tsx';
import { usePoll } from './poll.ts';
import { matchesEvent } from './state.ts';
import type { View } from './state.ts';

const POLL_MS = 10_000;
const EVENTS_MAX = 500;

/** The events of every worker and of none. */
export function EventList({ view, change }: { view: View; change: (part: Partial<View>) => void }) {
  const polled = usePoll<EventsAnswer>(`/api/v1/events?limit=${EVENTS_MAX}`, POLL_MS);
  const events = polled.data?.events ?? [];
  const shown = events.filter((event) => matchesEvent(event, view.text));
  return (
    <section class="fleet event-page">
      {polled.failed_status !== null && <Unreachable polled={polled} what="the events" />}
      <Filters
        what="events"
        hint="Filter by worker, event, words"
        text={view.text}
        change={(text) => change({ text })}
        csv="/api/v1/events.csv?limit=1000"
      />
      <div class="box" role="region" aria-label="Events" tabIndex={0}>
        {polled.data === null ? (
          <p class="notice" role="status">
            Asking the collector…
          </p>
        ) : shown.length === 0 && events.length > 0 ? (
          <p class="notice">
            No event passes this filter.{' '}
            <button type="button" class="plain" onClick={() => change({ text: '' })}>
              Show all {formatCount(events.length)}
            </button>
          </p>
        ) : (
          <Events events={shown} now_ms={polled.now_ms} view={view} />
        )}
      </div>
    </section>
  );
}
