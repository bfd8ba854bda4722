// A worker's state at a glance: a word, a colour, and an icon whose shape says the same without the colour.
import type { WorkerRow } from '../../wire/api.ts';
import { formatAgeOf } from './format.ts';
import { isSilent, stateWord, toneOf } from './trouble.ts';
import type { Tone } from './trouble.ts';

/** Icon of a tone: filled disc with a tick, ring with a clock's hands, triangle, square with a cross, broken ring. Hidden from readers: the word is beside it. */
export function ToneIcon({ tone }: { tone: Tone }) {
  return (
    <svg class={`icon tone-${tone}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {tone === 'good' && (
        <>
          <circle cx="8" cy="8" r="7" class="fill" />
          <path d="M4.8 8.3l2.2 2.2 4.2-4.6" class="mark" />
        </>
      )}
      {tone === 'busy' && (
        <>
          <circle cx="8" cy="8" r="6" class="line" />
          <path d="M8 4.6V8l2.4 1.6" class="line" />
        </>
      )}
      {tone === 'mute' && <circle cx="8" cy="8" r="6" class="line broken" />}
      {tone === 'warn' && (
        <>
          <path d="M8 1.2l7.2 13.3H.8z" class="fill" />
          <path d="M8 6v4M8 11.8v.6" class="mark" />
        </>
      )}
      {tone === 'bad' && (
        <>
          <rect x="1" y="1" width="14" height="14" rx="2.5" class="fill" />
          <path d="M5 5l6 6M11 5l-6 6" class="mark" />
        </>
      )}
    </svg>
  );
}

/** Icon and word of a worker's state; a silent worker's also says for how long. */
export function StateBadge({ worker, now_ms }: { worker: WorkerRow; now_ms: number }) {
  const tone = toneOf(worker);
  return (
    <span class={`badge tone-${tone}`}>
      <ToneIcon tone={tone} />
      <span class="word">{stateWord(worker.state)}</span>
      {isSilent(worker) && worker.last_seen_at !== null && (
        <span class="muted">{formatAgeOf(worker.last_seen_at, now_ms)}</span>
      )}
    </span>
  );
}
