// Samples of reachability with the evidence for their verdicts and every step that was measured.
import type { ComponentChildren } from 'preact';
import type { ReachabilityAnswer } from '../../wire/api.ts';
import type { Verdict } from '../../wire/verdict.ts';
import { formatAgeOf, formatMs, formatShare } from './format.ts';
import { stepsOf } from './steps.ts';
import type { StepLine } from './steps.ts';
import { findingsOf, wordsOf } from './verdict.ts';
import { VerdictBadge } from './verdict-badge.tsx';

type Sample = ReachabilityAnswer['reachability'][number];

/** The verdict's sentence, what it holds, and the evidence. */
export function VerdictFacts({ verdict }: { verdict: Verdict }) {
  const findings = findingsOf(verdict);
  return (
    <div class="verdict-facts">
      <p>{wordsOf(verdict.verdict).sentence}</p>
      {findings.length > 0 && (
        <dl class="facts">
          {findings.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {verdict.evidence.length > 0 && (
        <ul class="evidence">
          {verdict.evidence.map((sentence) => (
            <li key={sentence} class="data">
              {sentence}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A small mark: a tick, a cross, or nothing. */
function Mark({ isWell }: { isWell: boolean | null }) {
  if (isWell === null) return null;
  return <span class={isWell ? 'mark-well' : 'mark-failed'}>{isWell ? '✓' : '✗'}</span>;
}

function Step({ line }: { line: StepLine }) {
  return (
    <tr>
      <td>
        <Mark isWell={line.isWell} />
      </td>
      <th scope="row" class="data">
        {line.what}
      </th>
      <td class="data">{line.result}</td>
      <td class="num">{line.ms === null ? '' : formatMs(line.ms)}</td>
    </tr>
  );
}

function Steps({ sample }: { sample: Sample }) {
  return (
    <table class="steps">
      {stepsOf(sample.record).map((group, i) => (
        <tbody key={`${i} ${group.title}`}>
          <tr>
            <th scope="rowgroup" colSpan={4} class="data">
              {group.title}
            </th>
          </tr>
          {group.lines.map((line, nth) => (
            <Step key={`${nth} ${line.what}`} line={line} />
          ))}
        </tbody>
      ))}
    </table>
  );
}

/** One sample, folded up to a line; `title` is what tells it from its neighbours. */
export function SampleDetails({
  sample,
  title,
  now_ms,
  open,
  children,
}: {
  sample: Sample;
  title: ComponentChildren;
  now_ms: number;
  open?: boolean;
  children?: ComponentChildren;
}) {
  const { verdict } = sample;
  return (
    <details class="sample" open={open}>
      <summary>
        <span class="sample-title">{title}</span>
        <VerdictBadge verdict={verdict.verdict} />
        <span class="muted">
          {formatShare(verdict.confidence)} · <time dateTime={sample.at}>{formatAgeOf(sample.at, now_ms)} ago</time>
        </span>
      </summary>
      {children}
      <Steps sample={sample} />
    </details>
  );
}
