// The confusion matrix: technique × verdict, and what it says in one line.
import { VERDICTS } from '../../../wire/verdict.ts';
import type { Technique } from './techniques.ts';
import type { TrialResult } from './trial.ts';

type Judged = Pick<TrialResult, 'technique' | 'is_allowed' | 'is_false_block'> & {
  verdict: Pick<TrialResult['verdict'], 'verdict'>;
};
type Named = Pick<Technique, 'name' | 'allowed'>;

/** One line a technique; verdicts that are right for it stand in brackets. */
export function matrixLines(techniques: readonly Named[], results: readonly Judged[]): string[] {
  const seen = VERDICTS.filter(
    (v) => results.some((r) => r.verdict.verdict === v) || techniques.some((t) => t.allowed.includes(v)),
  );
  const width = Math.max(9, ...techniques.map((t) => t.name.length));
  const head = `${'technique'.padEnd(width)}  ${seen.map((v) => v.padStart(v.length + 2)).join(' ')}`;
  const rows = techniques.map(({ name, allowed }) => {
    const cells = seen.map((v) => {
      const count = results.filter((r) => r.technique === name && r.verdict.verdict === v).length;
      const isRight = allowed.includes(v);
      const text = isRight ? `[${count}]` : count === 0 ? '·' : `${count}!`;
      return text.padStart(v.length + 2);
    });
    return `${name.padEnd(width)}  ${cells.join(' ')}`;
  });
  return [head, ...rows];
}

/** Whether every technique got as many right verdicts as it had runs, and nobody innocent was called a block. */
export function summaryOf(
  techniques: readonly Named[],
  results: readonly Judged[],
  runs: number,
): { line: string; holds: boolean } {
  const right = (name: string): number => results.filter((r) => r.technique === name && r.is_allowed).length;
  const good = techniques.filter((t) => right(t.name) === runs).length;
  const falseBlocks = results.filter((r) => r.is_false_block).length;
  const holds = good === techniques.length && falseBlocks === 0;
  const count = `${good} of ${techniques.length} techniques right in ${runs} of ${runs} runs`;
  return { line: `lab:censor: ${holds ? 'holds' : 'FAILS'}: ${count}, ${falseBlocks} false "blocked"`, holds };
}
