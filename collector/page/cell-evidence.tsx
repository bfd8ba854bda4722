// What stands behind one cell of the matrix: the verdict's evidence, and the samples of the workers there.
import { useEffect, useRef } from 'preact/hooks';
import type { MatrixCell, ReachabilityAnswer } from '../../wire/api.ts';
import { samplesPath } from './api.ts';
import { formatAgeOf, formatClock, formatShare } from './format.ts';
import { isOld } from './grid.ts';
import { usePoll } from './poll.ts';
import { SampleDetails, VerdictFacts } from './samples.tsx';
import { FIRST_VIEW, formatHash } from './state.ts';
import { endpointParts, networkLabel } from './verdict.ts';
import { VerdictBadge } from './verdict-badge.tsx';

const POLL_MS = 30_000;

function dateOf(at: string): string {
  const at_ms = Date.parse(at);
  return `${new Date(at_ms).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${formatClock(at_ms)}`;
}

function CellFacts({ cell, now_ms }: { cell: MatrixCell; now_ms: number }) {
  return (
    <dl class="facts">
      <div>
        <dt>Since</dt>
        <dd title={cell.since}>
          {dateOf(cell.since)} <span class="muted">({formatAgeOf(cell.since, now_ms)})</span>
        </dd>
      </div>
      <div>
        <dt>Last sample</dt>
        <dd title={cell.at}>
          {dateOf(cell.at)} <span class="muted">({formatAgeOf(cell.at, now_ms)} ago)</span>
        </dd>
      </div>
      <div>
        <dt>Workers</dt>
        <dd>
          {cell.agreeing} of {cell.workers} say so
        </dd>
      </div>
    </dl>
  );
}

function Samples({ answer, failed, now_ms }: { answer: ReachabilityAnswer | null; failed: boolean; now_ms: number }) {
  if (answer === null) {
    return (
      <p class="muted" role="status">
        {failed ? 'The samples appear here as soon as the collector answers.' : 'Asking the collector…'}
      </p>
    );
  }
  return (
    <>
      {answer.reachability.map((sample, i) => (
        <SampleDetails
          key={sample.worker}
          sample={sample}
          now_ms={now_ms}
          open={i === 0}
          title={<a href={formatHash({ ...FIRST_VIEW, worker: sample.worker })}>{sample.worker}</a>}
        />
      ))}
    </>
  );
}

/** The evidence of `cell`, beside the matrix; the focus stays with the cells. */
export function CellEvidence({ cell, now_ms, close }: { cell: MatrixCell; now_ms: number; close: () => void }) {
  const { key } = cell.network;
  const polled = usePoll<ReachabilityAnswer>(samplesPath({ target: cell.target, network: key }), POLL_MS);
  const box = useRef<HTMLElement>(null);
  const { host, scheme } = endpointParts(cell.target);
  useEffect(() => {
    box.current?.scrollTo(0, 0);
    // On a narrow screen it stands below the matrix.
    box.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <aside class="cell-evidence" ref={box} aria-label={`Evidence for ${host} in ${key}`}>
      <div class="evidence-head">
        <div>
          <h2 class="data">{host}</h2>
          <p class="muted">
            {scheme} · from {networkLabel(cell.network)}
          </p>
        </div>
        <button type="button" class="close" onClick={close} aria-label="Close the evidence">
          ✕
        </button>
      </div>
      <p class="evidence-verdict">
        <VerdictBadge verdict={cell.verdict.verdict} />
        <span class="muted">confidence {formatShare(cell.verdict.confidence)}</span>
        {isOld(cell, now_ms) && <span class="old-mark">old</span>}
      </p>
      <VerdictFacts verdict={cell.verdict} />
      <CellFacts cell={cell} now_ms={now_ms} />
      <h3>Samples</h3>
      <Samples answer={polled.data} failed={polled.failing_since_ms !== null} now_ms={polled.now_ms} />
    </aside>
  );
}
