// The collector's page: one look says who hashes, who does not, and why.
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { WorkersAnswer } from '../../wire/api.ts';
import { useView } from './address.ts';
import { Detail } from './detail.tsx';
import { EventList } from './event-list.tsx';
import { Fleet } from './fleet.tsx';
import { Header, Unreachable } from './header.tsx';
import { Hosts, Machines } from './machines.tsx';
import { Matrix } from './matrix.tsx';
import { usePoll } from './poll.ts';
import { totalsOf } from './totals.ts';
import './styles.css';

const POLL_MS = 5_000;

function App() {
  const [view, change] = useView();
  const fleet = usePoll<WorkersAnswer>('/api/v1/workers', POLL_MS);
  const scroll = useRef({ top: 0 });
  const trouble = totalsOf(fleet.data?.workers ?? []).trouble;

  useEffect(() => {
    const what = view.worker ?? (view.page === 'fleet' ? null : view.page);
    const place = what === null ? 'spotrig' : `${what} · spotrig`;
    document.title = trouble > 0 ? `(${trouble}) ${place}` : place;
  }, [trouble, view.worker, view.page]);

  return (
    <>
      <Header fleet={fleet} view={view} />
      <Unreachable polled={fleet} what="the fleet" />
      <main>
        {view.worker !== null ? (
          <Detail key={view.worker} id={view.worker} view={view} change={change} poll_ms={POLL_MS} />
        ) : view.page === 'machines' ? (
          <Machines view={view} change={change} />
        ) : view.page === 'hosts' ? (
          <Hosts view={view} change={change} />
        ) : view.page === 'reachability' ? (
          <Matrix view={view} change={change} />
        ) : view.page === 'events' ? (
          <EventList view={view} change={change} />
        ) : (
          <Fleet fleet={fleet} view={view} change={change} scroll={scroll.current} />
        )}
      </main>
    </>
  );
}

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
