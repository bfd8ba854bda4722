// A verdict at a glance: icon and word.
import type { VerdictName } from '../../wire/verdict.ts';
import { ToneIcon } from './badge.tsx';
import { wordsOf } from './verdict.ts';

/** Icon and word of a verdict; its sentence is in the title. */
export function VerdictBadge({ verdict }: { verdict: VerdictName }) {
  const { tone, word, sentence } = wordsOf(verdict);
  return (
    <span class={`badge tone-${tone}`} title={sentence}>
      <ToneIcon tone={tone} />
      <span class="word">{word}</span>
    </span>
  );
}
