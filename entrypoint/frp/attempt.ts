// One attempt at a way: its look beforehand, the processes, the login, frps's word on the canary, and 64 KB there and back.
import type { Clock } from '../../platform/clock.ts';
import { codeOf, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import type { FrpRung } from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import { runCanary, type CanaryResult } from './canary.ts';
import { keepSmall, lastWords, stopAll, untilGone, type ProxyStatus } from './frpc.ts';
import { LADDER_TIMES, type Outcome, type Way } from './ladder.ts';
import { lookBefore } from './measure.ts';
import { outcomeOfCanary, outcomeOfWords } from './outcome.ts';
import type { Services } from './services.ts';
import { Session, frpcLogPath, type SessionSetup } from './session.ts';
import type { Seen } from './teller.ts';
import { LOGIN_MS } from './transport.ts';
import { isNameHeld } from './view.ts';

/** All ms. */
export interface AttemptTimers {
  /** frpc itself has none for some rungs: a listener that never answers would hold it for ever. */
  login: Readonly<Record<FrpRung, number>>;
  /** From the login to frps's word on the canary. */
  start: number;
  /** How long a name that frps holds for a dead session is asked for. */
  held: number;
  canary: number;
}

export const ATTEMPT_TIMERS: AttemptTimers = { login: LOGIN_MS, start: 5_000, held: 100_000, canary: 10_000 };

/** How often frpc is looked at while something is awaited. */
const WAIT_LOOK_MS = 250;
/** Between two reloads that ask frps for a name again. */
export const ASK_MS = 2_000;

/** What attempts of one Node have in common. */
export interface Ground {
  home: string;
  setup: SessionSetup;
  /** Where the canary's proxy leads. */
  echoPort: number;
  services: Services;
  /** Hears what frpc says of the services. */
  onExposed: (exposed: FrpRecord['exposed']) => void;
  timers: AttemptTimers;
  clock: Clock;
  logger: Logger;
}

/** What an attempt came to; its processes are gone unless it is up. */
export interface Attempted extends Seen {
  outcome: Outcome;
  session: Session | null;
  words: string;
}

/** `adopted`: it runs already, and only proves itself. Rejects with the signal's reason alone. */
export async function attempt(
  ground: Ground,
  { address, way, adopted }: { address: FrpAddress; way: Way; adopted: Session | null },
  signal: AbortSignal,
): Promise<Attempted> {
  const { home, setup, echoPort, services, clock, logger } = ground;
  logger.info({ frps: address.url, rung: way.rung, name: way.name }, 'frps is tried');
  let session = adopted;
  const seen: Seen = { login_ms: null, canary: null, before: null };
  let outcome: Outcome = 'up';
  let words = '';
  try {
    if (adopted === null) seen.before = await lookBefore(address, way, setup.ca, clock);
    signal.throwIfAborted();
    session ??= await Session.make(setup, address, way);
    await services.write(session, echoPort);
    const begunMs = clock.monoMs();
    if (adopted === null) ({ outcome, words } = await login(ground, session, signal));
    else await reload(ground, session);
    if (adopted === null && outcome === 'up') seen.login_ms = Math.round(clock.monoMs() - begunMs);
    if (outcome === 'up') ({ outcome, words } = await canaryStarted(ground, session, signal));
    if (outcome === 'up') {
      const canary = await firstCanary(ground, session, signal);
      seen.canary = canary;
      outcome = outcomeOfCanary(canary);
      words = `the canary: ${canary.kind} after ${canary.bytes} bytes and ${canary.ms} ms`;
    }
  } catch (error) {
    signal.throwIfAborted();
    words = messageOf(error);
    outcome = codeOf(error) === 'frp_start' ? 'no_program' : 'login_timeout';
  }
  if (outcome === 'up') return { outcome, ...seen, session, words };
  if (session !== null) await stopAll(session.ids, clock);
  await keepSmall(frpcLogPath(home));
  return { outcome, ...seen, session: null, words };
}

/** Makes frpc ask frps again for the names that it holds for a session that is gone. */
export async function askAgain(ground: Ground, session: Session, proxies: readonly ProxyStatus[]): Promise<void> {
  const { services, onExposed } = ground;
  services.askAgain(proxies);
  onExposed(services.exposed(proxies));
  await refresh(ground, session);
}

/** Tells frpc what it is to do, where that changed. */
export async function refresh(ground: Ground, session: Session): Promise<void> {
  if (await ground.services.write(session, ground.echoPort)) await reload(ground, session);
}

async function reload({ logger }: Ground, session: Session): Promise<void> {
  const complaint = await session.api.reload();
  if (complaint !== null) logger.warn({ complaint }, 'frpc did not take its new configuration');
}

/** Starts the processes and waits for frps's word on the login. */
async function login(
  { home, timers, clock }: Ground,
  session: Session,
  signal: AbortSignal,
): Promise<{ outcome: Outcome; words: string }> {
  const limitMs = timers.login[session.way.rung];
  const isStarted = (await session.start(limitMs, signal)) === 'started';
  const id = session.frpc;
  const done = async (): Promise<boolean> => ((await session.api.status()) ?? []).length > 0;
  const how =
    isStarted && id !== null ? await untilGone({ id, done, limitMs, everyMs: WAIT_LOOK_MS, clock, signal }) : 'gone';
  if (how === 'done') return { outcome: 'up', words: '' };
  const words = await lastWords(frpcLogPath(home));
  if (how === 'late') return { outcome: 'login_timeout', words: `no login within ${limitMs / 1000} s; ${words}` };
  return { outcome: outcomeOfWords(words), words };
}

/** Waits until frps took the canary; a name that it holds for a session that is gone is asked for again and again. */
async function canaryStarted(
  ground: Ground,
  session: Session,
  signal: AbortSignal,
): Promise<{ outcome: Outcome; words: string }> {
  const { services, timers, clock } = ground;
  const begun = clock.monoMs();
  let askedMs = begun;
  for (;;) {
    const proxies = (await session.api.status()) ?? [];
    const canary = services.canaryOf(proxies);
    if (canary?.status === 'running') return { outcome: 'up', words: '' };
    const nowMs = clock.monoMs();
    const isHeld = canary !== undefined && isNameHeld(canary.err);
    if (canary?.status === 'start error' && !isHeld)
      return { outcome: 'login_refused', words: `frps refuses the canary: ${canary.err}` };
    if (isHeld && nowMs - askedMs >= ASK_MS) {
      askedMs = nowMs;
      await askAgain(ground, session, proxies);
    }
    if (nowMs - begun > (isHeld ? timers.held : timers.start))
      return { outcome: isHeld ? 'login_refused' : 'login_timeout', words: canary?.err ?? 'no word on the canary' };
    await clock.sleep(WAIT_LOOK_MS, signal);
  }
}

/** 64 KB. The visitor may be there a moment before the proxy is: what closes at once is sent again. */
async function firstCanary({ timers, clock }: Ground, session: Session, signal: AbortSignal): Promise<CanaryResult> {
  const end = clock.monoMs() + timers.canary;
  const bytes = LADDER_TIMES.large_bytes;
  for (;;) {
    const limitMs = Math.max(1_000, end - clock.monoMs());
    const found = await runCanary({ port: session.visitorPort, bytes, limitMs, clock, signal });
    if (found.kind !== 'closed' || found.bytes > 0 || clock.monoMs() >= end) return found;
    await clock.sleep(WAIT_LOOK_MS, signal);
  }
}
