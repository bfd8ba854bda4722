// One worker: its last hours or months, its GPUs, its machine, what happened to it, and what it wrote.
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { SeriesAnswer, WorkerDetail, WorkerRow } from '../../wire/api.ts';
import type { MachinesAnswer } from '../../wire/machine-api.ts';
import { workerPath } from './api.ts';
import { StateBadge, ToneIcon } from './badge.tsx';
import { Plots } from './chart.tsx';
import { Delivered } from './columns.tsx';
import { Events } from './events.tsx';
import { formatAgeOf, formatCount, formatHashrate, formatName, formatPower, formatWhole } from './format.ts';
import { GpuTable } from './gpu-table.tsx';
import { Unreachable } from './header.tsx';
import { hostFacts } from './host-facts.ts';
import { LogTail } from './log-tail.tsx';
import { usePoll } from './poll.ts';
import { Reach } from './reach-panel.tsx';
import { withGaps } from './series.ts';
import { MachinePanel } from './machine-panel.tsx';
import { formatHash, hottest, minerLabel, SPANS_S } from './state.ts';
import type { Span, View } from './state.ts';
import { notesOf } from './trouble.ts';
import { WorkerReachability } from './worker-reachability.tsx';

const SERIES_MS = 15_000;
const NO_SERIES: SeriesAnswer = {
  t: [],
  claimed_hs: [],
  delivered_hs: [],
  delivered_low_hs: [],
  delivered_high_hs: [],
  accepted: [],
  rejected: [],
  power_w: [],
  temperature_c: [],
};

function Figure({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Figures({ worker, now_ms }: { worker: WorkerRow; now_ms: number }) {
  return (
    <dl class="totals figures">
      <Figure title="Claimed">{formatHashrate(worker.claimed_hs)}</Figure>
      <Figure title="Proven by shares">
        <Delivered worker={worker} />
      </Figure>
      <Figure title="Accepted">{formatCount(worker.accepted)}</Figure>
      <Figure title="Rejected">{formatCount(worker.rejected)}</Figure>
      <Figure title="Unanswered">{formatCount(worker.unanswered)}</Figure>
      <Figure title="Power">{formatPower(worker.power_w)}</Figure>
      <Figure title="Hottest GPU">{formatWhole(hottest(worker), '°C')}</Figure>
      <Figure title="Last heard">
        {formatAgeOf(worker.last_seen_at, now_ms)}
        {worker.last_seen_at !== null && <small class="muted"> ago</small>}
      </Figure>
    </dl>
  );
}

function Host({ host }: { host: WorkerDetail['host'] }) {
  const facts = hostFacts(host);
  if (facts.length === 0) return <p class="muted">The machine has not described itself yet.</p>;
  return (
    <dl class="facts">
      {facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.label}</dt>
          <dd class="data">{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Notes({ worker }: { worker: WorkerRow }) {
  const notes = notesOf(worker);
  if (notes.length === 0) return null;
  return (
    <ul class="notes">
      {notes.map((note) => (
        <li key={note}>
          <ToneIcon tone="warn" />
          <span>{note}.</span>
        </li>
      ))}
    </ul>
  );
}

function Panel({ title, name, children }: { title: string; name: string; children: ComponentChildren }) {
  return (
    <section class={`panel panel-${name}`}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** The detail of the worker `id`; `view` leads back to the fleet as it was. */
export function Detail({
  id,
  view,
  change,
  poll_ms,
}: {
  id: string;
  view: View;
  change: (part: Partial<View>) => void;
  poll_ms: number;
}) {
  const polled = usePoll<WorkerDetail>(workerPath(id), poll_ms);
  const span_s = SPANS_S[view.span];
  const series = usePoll<SeriesAnswer>(`${workerPath(id)}/series?since_s=${span_s}`, SERIES_MS);
  const judged = usePoll<MachinesAnswer>(`/api/v1/machines?worker=${id}`, SERIES_MS);
  const machine = judged.data?.machines[0] ?? null;
  const span = useMemo(() => {
    const marks = (machine?.verdicts ?? []).map((one) => ({
      at_s: one.since_ms / 1000,
      label: formatName(one.verdict),
    }));
    return { span_s, words: `the last ${view.span}`, marks };
  }, [span_s, view.span, judged.data]);
  const columns = useMemo(() => withGaps(series.data ?? NO_SERIES), [series.data]);
  const detail = polled.data;
  const back = (
    <a class="back" href={formatHash({ ...view, worker: null })}>
      ← Fleet
    </a>
  );

  if (detail === null) {
    return (
      <section class="detail">
        <div class="title">
          {back}
          <h1>{id}</h1>
        </div>
        {polled.failed_status === 404 ? (
          <p class="notice">The collector knows no worker of this name.</p>
        ) : polled.failing_since_ms === null ? (
          <p class="notice" role="status">
            Asking the collector…
          </p>
        ) : (
          <Unreachable polled={polled} what="this worker" />
        )}
      </section>
    );
  }

  const { worker } = detail;
  return (
    <section class="detail">
      <div class="title">
        {back}
        <h1>{worker.id}</h1>
        <StateBadge worker={worker} now_ms={polled.now_ms} />
        <span class="muted data">{minerLabel(worker)}</span>
        <span class="muted data">{worker.pool}</span>
        {worker.boot !== null && (
          <span class="muted" title={`Boot ${worker.boot}`}>
            boot {worker.boot.slice(0, 8)}
          </span>
        )}
      </div>
      {polled.failed_status !== null && <Unreachable polled={polled} what="this worker" />}
      <Notes worker={worker} />
      <Figures worker={worker} now_ms={polled.now_ms} />
      <div class="panels">
        <Panel title="What it earns its rent by" name="judge">
          <MachinePanel row={machine} now_ms={judged.now_ms} />
        </Panel>
        <Panel title={`Last ${view.span}`} name="hour">
          <div class="chips" role="group" aria-label="How far back">
            {(Object.keys(SPANS_S) as Span[]).map((name) => (
              <button
                key={name}
                type="button"
                class="chip"
                aria-pressed={view.span === name}
                onClick={() => change({ span: name })}
              >
                {name}
              </button>
            ))}
          </div>
          <Plots columns={columns} now_s={series.now_ms / 1000} span={span} />
        </Panel>
        <Panel title="Machine" name="machine">
          <Host host={detail.host} />
        </Panel>
        <Panel title="GPUs" name="gpus">
          <GpuTable gpus={worker.gpus} />
        </Panel>
        <Panel title="Reach it" name="reach">
          <Reach worker={worker.id} frp={detail.frp} now_ms={polled.now_ms} />
        </Panel>
        <Panel title="Reachability" name="reachability">
          <WorkerReachability worker={worker.id} />
        </Panel>
        <Panel title="Log" name="log">
          <LogTail lines={detail.log} />
        </Panel>
        <Panel title="Events" name="events">
          <Events events={detail.events} now_ms={polled.now_ms} />
        </Panel>
      </div>
    </section>
  );
}
