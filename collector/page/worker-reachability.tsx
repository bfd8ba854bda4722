// What one worker reaches: its newest sample of each endpoint, the troubled ones first.
import type { ReachabilityAnswer } from '../../wire/api.ts';
import { standing } from '../../wire/standing.ts';
import { samplesPath } from './api.ts';
import { usePoll } from './poll.ts';
import { SampleDetails, VerdictFacts } from './samples.tsx';
import { endpointParts, networkLabel } from './verdict.ts';

const POLL_MS = 30_000;

type Sample = ReachabilityAnswer['reachability'][number];

function rank({ verdict, record }: Sample): string {
  return `${9 - standing(verdict.verdict)} ${record.target.role === 'pool' ? 0 : 1} ${record.target.url}`;
}

/** The list of `worker`. */
export function WorkerReachability({ worker }: { worker: string }) {
  const polled = usePoll<ReachabilityAnswer>(samplesPath({ worker }), POLL_MS);
  const samples = (polled.data?.reachability ?? []).toSorted((a, b) => rank(a).localeCompare(rank(b)));
  if (polled.data === null) return <p class="muted">Asking the collector…</p>;
  if (samples.length === 0) return <p class="muted">This worker has measured no endpoint yet.</p>;
  return (
    <div class="samples">
      {samples.map((sample) => {
        const { url, role } = sample.record.target;
        const { host, scheme } = endpointParts(url);
        return (
          <SampleDetails
            key={`${role} ${url}`}
            sample={sample}
            now_ms={polled.now_ms}
            title={
              <>
                <span class="data">{host}</span> <small>{role === 'pool' ? scheme : role}</small>
              </>
            }
          >
            <VerdictFacts verdict={sample.verdict} />
            <p class="muted">Measured from {networkLabel(sample.network)}.</p>
          </SampleDetails>
        );
      })}
    </div>
  );
}
