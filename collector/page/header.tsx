// The top of the page: the fleet in figures, and whether the collector still answers.
import type { WorkersAnswer } from '../../wire/api.ts';
import { formatClock, formatCount, formatHashrate, formatPower, UNKNOWN } from './format.ts';
import type { Polled } from './poll.ts';
import { totalsOf } from './totals.ts';
import type { AlgoTotal } from './totals.ts';
import { EVENTS_VIEW, FIRST_VIEW, formatHash, HOSTS_VIEW, MACHINES_VIEW, MATRIX_VIEW } from './state.ts';
import type { View } from './state.ts';

const ALGOS_SHOWN = 2;

function Rates({ algos, of }: { algos: readonly AlgoTotal[]; of: 'claimed_hs' | 'delivered_hs' }) {
  if (algos.length === 0) return <>{UNKNOWN}</>;
  if (algos.length === 1) return <>{formatHashrate(algos[0]?.[of] ?? null)}</>;
  const full = algos.map((sum) => `${sum.algo ?? 'unknown algorithm'}: ${formatHashrate(sum[of])}`).join('\n');
  return (
    <span class="rates" title={full}>
      {algos.slice(0, ALGOS_SHOWN).map((sum) => (
        <span key={sum.algo ?? ''}>
          {formatHashrate(sum[of])} <small>{sum.algo ?? UNKNOWN}</small>
        </span>
      ))}
      {algos.length > ALGOS_SHOWN && <small>+{algos.length - ALGOS_SHOWN}</small>}
    </span>
  );
}

function FleetTotals({ fleet }: { fleet: WorkersAnswer | null }) {
  const totals = totalsOf(fleet?.workers ?? []);
  const known = fleet !== null;
  const figure = (count: number) => (known ? formatCount(count) : UNKNOWN);
  return (
    <dl class="totals">
      <div>
        <dt>Hashing</dt>
        <dd>
          {figure(totals.hashing)} <small>of {figure(totals.workers)}</small>
        </dd>
      </div>
      <div class={totals.trouble > 0 ? 'alarm' : undefined}>
        <dt>Trouble</dt>
        <dd>{figure(totals.trouble)}</dd>
      </div>
      <div class="wide">
        <dt>Claimed</dt>
        <dd>
          <Rates algos={totals.algos} of="claimed_hs" />
        </dd>
      </div>
      <div class="wide">
        <dt>Proven by shares</dt>
        <dd>
          <Rates algos={totals.algos} of="delivered_hs" />
        </dd>
      </div>
      <div class="wide">
        <dt>Shares accepted</dt>
        <dd>
          {figure(totals.accepted)}{' '}
          <small title="rejected / unanswered">
            {figure(totals.rejected)} rej. / {figure(totals.unanswered)} unans.
          </small>
        </dd>
      </div>
      <div>
        <dt>Power</dt>
        <dd>{formatPower(totals.power_w)}</dd>
      </div>
    </dl>
  );
}

/** Plain http on this machine is served without a token as a rule; everywhere else there is a session to end. */
const SIGNED_IN = location.protocol === 'https:' || !/^(localhost|127\.[0-9.]+|\[::1\])$/.test(location.hostname);

function SignOut() {
  if (!SIGNED_IN) return null;
  // Not a form: under the page's referrer policy its Origin would be null, which the collector refuses.
  const leave = () => void fetch('/logout', { method: 'POST' }).then(() => location.assign('/login'));
  return (
    <button type="button" class="sign-out" onClick={leave}>
      Sign out
    </button>
  );
}

function Tabs({ view }: { view: View }) {
  const tab = (to: View, title: string) => (
    <a href={formatHash(to)} aria-current={view.worker === null && view.page === to.page ? 'page' : undefined}>
      {title}
    </a>
  );
  return (
    <nav class="tabs" aria-label="Pages">
      {tab(FIRST_VIEW, 'Fleet')}
      {tab(MACHINES_VIEW, 'Machines')}
      {tab(HOSTS_VIEW, 'Hosts')}
      {tab(MATRIX_VIEW, 'Reachability')}
      {tab(EVENTS_VIEW, 'Events')}
    </nav>
  );
}

/** Pages, totals of the fleet, and the time of the last answer. */
export function Header({ fleet, view }: { fleet: Polled<WorkersAnswer>; view: View }) {
  return (
    <header class="top">
      <a class="brand" href="#/">
        spotrig
      </a>
      <Tabs view={view} />
      <FleetTotals fleet={fleet.data} />
      <p class={fleet.failing_since_ms === null ? 'answered' : 'answered late'}>
        <span class="muted">answered</span>{' '}
        {fleet.answered_at_ms === null ? UNKNOWN : formatClock(fleet.answered_at_ms)}
      </p>
      <SignOut />
    </header>
  );
}

/** Says that answers fail, since when, and what the reader still sees; nothing while all is well. */
export function Unreachable({ polled, what }: { polled: Polled<unknown>; what: string }) {
  if (polled.failing_since_ms === null) return null;
  const since = formatClock(polled.failing_since_ms);
  const kept = polled.answered_at_ms === null ? '' : ` You see what it said at ${formatClock(polled.answered_at_ms)}.`;
  return (
    <p class="banner" role="alert">
      {polled.failed_status === 401 || polled.failed_status === 403 ? (
        <>
          You are signed out since {since}. <a href="/login">Sign in</a> to go on.{kept}
        </>
      ) : polled.failed_status === null ? (
        <>
          Collector not reachable since {since}.{kept}
        </>
      ) : (
        <>
          Collector answers with status {polled.failed_status} for {what} since {since}.{kept}
        </>
      )}
    </p>
  );
}
