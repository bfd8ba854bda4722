// The bar above a list: a search, chips that narrow it, and the list as a file.
import type { ComponentChildren } from 'preact';
import type { Tone } from './trouble.ts';
import { ToneIcon } from './badge.tsx';
import { formatCount } from './format.ts';

/** One choice with how many there are of it; pressed again, it lets go. `data` marks it for styles and tests. */
export function Chip(o: {
  data: Record<`data-${string}`, string>;
  word: string;
  count: number;
  pressed: boolean;
  tone: Tone | null;
  title?: string | undefined;
  press: () => void;
}) {
  return (
    <button type="button" class="chip" {...o.data} aria-pressed={o.pressed} title={o.title} onClick={o.press}>
      {o.tone !== null && <ToneIcon tone={o.tone} />}
      {o.word} <small>{formatCount(o.count)}</small>
    </button>
  );
}

/** `what`: of the list, as in "Filter the workers"; `by`: what the chips choose; `csv`: where the list is as a file. */
export function Filters(o: {
  what: string;
  hint: string;
  text: string;
  change: (text: string) => void;
  by?: string;
  children?: ComponentChildren;
  csv?: string;
}) {
  return (
    <div class="filters" role="search">
      <input
        type="search"
        placeholder={o.hint}
        aria-label={`Filter the ${o.what}`}
        value={o.text}
        onInput={(event) => o.change(event.currentTarget.value)}
      />
      {o.by !== undefined && (
        <div class="chips" role="group" aria-label={`Filter by ${o.by}`}>
          {o.children}
        </div>
      )}
      {o.csv !== undefined && (
        <a class="download" href={o.csv} download>
          CSV
        </a>
      )}
    </div>
  );
}
