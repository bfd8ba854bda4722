// What happened to a worker or to all, newest first, with the log lines that came with it as evidence.
import type { EventRow } from '../../wire/api.ts';
import { ToneIcon } from './badge.tsx';
import { formatAgeOf, formatClock, formatName } from './format.ts';
import { formatHash } from './state.ts';
import type { View } from './state.ts';

function ending(event: EventRow): string | null {
  if (event.signal !== null) return `signal ${event.signal}`;
  return event.exit_code === null ? null : `exit code ${event.exit_code}`;
}

function Whose({ event, view }: { event: EventRow; view: View }) {
  if (event.worker !== null) {
    return (
      <a class="id" href={formatHash({ ...view, worker: event.worker })}>
        {event.worker}
      </a>
    );
  }
  return <span class="muted">no worker{event.claimed !== null && <>, calls itself “{event.claimed.frp_user}”</>}</span>;
}

function Event({ event, now_ms, view }: { event: EventRow; now_ms: number; view: View | null }) {
  const end = ending(event);
  return (
    <li class={`level-${event.level}`}>
      <p>
        {event.level === 'info' ? (
          <span class="dot" aria-hidden="true" />
        ) : (
          <ToneIcon tone={event.level === 'warn' ? 'warn' : 'bad'} />
        )}
        <strong>{formatName(event.event)}</strong>
        {view !== null && <Whose event={event} view={view} />}
        {end !== null && <span class="ending">{end}</span>}
        <time class="muted" dateTime={event.at} title={event.at}>
          {formatClock(Date.parse(event.at))} · {formatAgeOf(event.at, now_ms)} ago
        </time>
      </p>
      {event.detail !== '' && <p class="data">{event.detail}</p>}
      {event.log.length > 0 && (
        <details>
          <summary>
            {event.log.length} log {event.log.length === 1 ? 'line' : 'lines'}
          </summary>
          <pre class="data">{event.log.join('\n')}</pre>
        </details>
      )}
    </li>
  );
}

/** The events of one worker, or with a view to lead on from, of many. */
export function Events({
  events,
  now_ms,
  view = null,
}: {
  events: readonly EventRow[];
  now_ms: number;
  view?: View | null;
}) {
  if (events.length === 0) return <p class="muted">Nothing has happened yet.</p>;
  return (
    <ul class="events">
      {events.map((event) => (
        <Event
          key={`${event.worker} ${event.at} ${event.event} ${event.detail}`}
          event={event}
          now_ms={now_ms}
          view={view}
        />
      ))}
    </ul>
  );
}
