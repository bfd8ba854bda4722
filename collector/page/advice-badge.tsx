import type { Advice } from '../../wire/machine-names.ts';
import { ToneIcon } from './badge.tsx';
import { adviceTone } from './advice.ts';

/** Icon and word of an advice. */
export function AdviceBadge({ advice }: { advice: Advice }) {
  const tone = adviceTone(advice);
  return (
    <span class={`badge tone-${tone}`}>
      <ToneIcon tone={tone} />
      <span class="word">{advice}</span>
    </span>
  );
}
