// The tunnel: climbs the ladder until 64 KB came back, holds that way, proves it again and again, and climbs anew when it is lost.
//   killed    frpc goes on by itself; the next Node of the boot adopts it (way.ts).
//   stopped   `stop` ends every process of this home; what frps held for it is free at once.
// What is tried, left and proven when is the ladder's (ladder.ts). Everything that the owner should know leaves by three doors: records of the tunnel, samples of each attempt, events.
import { join } from 'node:path';
import { backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { deriveSecret, egressKeyId } from '../../platform/derive.ts';
import { makeDir, readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { codeOf, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { registerSecret } from '../../platform/secrets.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import {
  FRP_CANARY,
  FRP_TICKET_LABEL,
  egressProxyName,
  formatFrpTicket,
  frpSecretLabel,
  type FrpRung,
} from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import { DETAIL_MAX_CHARS } from '../../wire/limits.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import type { TokenFields } from '../../wire/token.ts';
import { runCanary, startEcho, type CanaryResult } from './canary.ts';
import type { ServicePart } from './config.ts';
import { findRunning, keepSmall, lastWords, stopAll, untilGone, type ProxyStatus } from './frpc.ts';
import {
  LADDER_TIMES,
  Ladder,
  isSameWay,
  readLadderMemory,
  serialiseLadderMemory,
  winnerIn,
  withWinner,
  type LadderMemory,
  type Outcome,
  type Way,
} from './ladder.ts';
import { lookBefore, sampleOf, type Attempt } from './measure.ts';
import type { ExposeSetting, FrpCa } from './settings.ts';
import { outcomeOfCanary, outcomeOfWords, refined, type BadOutcome } from './outcome.ts';
import { Session, frpDir, frpcLogPath, type SessionSetup } from './session.ts';
import { LOGIN_MS } from './transport.ts';
import { exposedOf, isNameHeld, newsOf } from './view.ts';

/** All ms. */
export interface TunnelTimers {
  /** frpc itself has none for some rungs: a listener that never answers would hold it for ever. */
  login: Readonly<Record<FrpRung, number>>;
  /** From the login to frps's word on the canary. */
  start: number;
  /** How long a name that frps holds for a dead session is asked for. */
  held: number;
  canary: number;
  /** Without a login at frps: frpc tries again by itself for that long. */
  offline: number;
  /** Between two attempts. */
  breath: number;
  look: number;
  record: number;
}

export const TIMERS: TunnelTimers = {
  login: LOGIN_MS,
  ...{ start: 5_000, held: 100_000, canary: 10_000 },
  ...{ offline: 45_000, breath: 1_000, look: 5_000, record: 300_000 },
};

/** Network of the memory before a collector has told which it is. */
const UNKNOWN_NETWORK = 'unknown';
const BREATH_JITTER_SHARE = 0.3;
/** How often frpc is looked at while something is awaited. */
const WAIT_LOOK_MS = 250;
/** Between two reloads that ask frps for a name again. */
const ASK_MS = 2_000;
const HISTORY_MAX = 4;
/** For the loop to end by itself when the worker stops. */
const STOP_GRACE_MS = 500;
const FAULT_BACKOFF = { baseMs: 10_000, maxMs: 300_000 };
const PROGRAM_BACKOFF = { baseMs: 5_000, maxMs: 300_000 };

export interface TunnelOptions {
  home: string;
  boot: string;
  token: TokenFields;
  addresses: readonly FrpAddress[];
  ca: FrpCa;
  sshKey: string | null;
  country: string | null;
  expose: readonly ExposeSetting[];
  /** Port of the miner's API; null before there is one. */
  minerPort: () => number | null;
  egressKey: string | null;
  /** Visitors' loopback ports, by the export's name. */
  egressPorts: ReadonlyMap<string, number>;
  /** By the export's name: whether the last connection through its visitor carried data. */
  exportsWell?: ReadonlyMap<string, boolean>;
  /** Key of the network that the worker is in, where a collector has told it. */
  network: () => string | null;
  /** Path of frpc; rejects where it cannot be had now. */
  program: (signal: AbortSignal) => Promise<string>;
  onRecord: (record: FrpRecord) => void;
  onSample: (sample: ReachabilityRecord) => void;
  emit: (event: LifecycleInput) => void;
  clock: Clock;
  random: () => number;
  logger: Logger;
  timers?: Partial<TunnelTimers>;
}

/** What an attempt came to; its processes are gone unless it is up. */
interface Attempted extends Seen {
  outcome: Outcome;
  session: Session | null;
  words: string;
}

/** Of an attempt, for its sample. */
type Seen = Pick<Attempt, 'login_ms' | 'canary' | 'before'>;

export class Tunnel {
  readonly #o: TunnelOptions;
  readonly #t: TunnelTimers;
  readonly #addresses: readonly FrpAddress[];
  readonly #history = new Map<string, ReachabilityRecord[]>();
  #memory: LadderMemory = new Map();
  #state: FrpRecord['state'] = 'connecting';
  #way: Way | null = null;
  #foundMs: number | null = null;
  #canary: CanaryResult | null = null;
  #exposed: FrpRecord['exposed'] = [];
  /** How often frps was asked for a name again. */
  readonly #asked = new Map<string, number>();
  #told = '';
  #toldMs = -Infinity;
  #lastFault = '';
  #lastWords = '';
  #ended: Promise<void> = Promise.resolve();

  constructor(o: TunnelOptions) {
    this.#o = o;
    this.#t = { ...TIMERS, ...o.timers };
    // Without its key the rung `ssh` is none.
    this.#addresses = o.sshKey === null ? o.addresses.map((address) => ({ ...address, ssh: null })) : o.addresses;
  }

  /** Keeps the tunnel up until the signal; its processes then go on. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    this.#ended = this.#keepRunning(signal);
    return this.#ended;
  }

  /** Ends every process of this home. The signal of `run` must be aborted: nothing is started after that. */
  async stop(): Promise<void> {
    const { home, clock } = this.#o;
    // A measurement that is under way is not waited for: the container's end is near.
    await Promise.race([this.#ended, clock.sleep(STOP_GRACE_MS)]);
    await stopAll(
      (await findRunning(home)).map(({ id }) => id),
      clock,
    );
  }

  /** What fails here is this machine (a full disk, no free port): it is told, and tried again after a pause. */
  async #keepRunning(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#o;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#run(signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ error: messageOf(error) }, 'the tunnel failed');
        this.#fault(`the tunnel failed: ${messageOf(error)}`);
        this.#become('down', null);
        await clock.sleep(backoffMs(attempt, { ...FAULT_BACKOFF, random }), signal).catch(() => undefined);
      }
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { home, country, clock, random, logger, network } = this.#o;
    await makeDir(frpDir(home));
    this.#memory = (await readJsonTolerant(this.#memoryPath, readLadderMemory)) ?? new Map();
    const setup = await this.#setup(signal);
    const echo = await startEcho();
    try {
      let adopted = await this.#adopt(setup);
      const winner = adopted?.way ?? this.#winner(network());
      const ladder = new Ladder({ addresses: this.#addresses, country, winner, random });
      let begunMs = clock.monoMs();
      while (!signal.aborted) {
        const next = ladder.next(clock.monoMs());
        if ('wait_ms' in next) {
          this.#become('down', null);
          // Once: a refusal that was told says more.
          if (this.#lastFault === '') this.#fault(`no way to frps worked; the last one: ${this.#lastWords}`);
          logger.info({ ms: next.wait_ms }, 'no way to frps worked; a pause');
          await clock.sleep(next.wait_ms, signal);
          begunMs = clock.monoMs();
          continue;
        }
        const { way } = next;
        this.#become('connecting', way);
        if (adopted !== null && !isSameWay(adopted.way, way)) {
          await stopAll(adopted.ids, clock);
          adopted = null;
        }
        const attempted = await this.#attempt(setup, way, echo.port, adopted, signal);
        const isAdopted = adopted !== null;
        adopted = null;
        signal.throwIfAborted();
        const { session } = attempted;
        if (session === null) {
          await this.#failed(ladder, way, attempted);
          await clock.sleep(this.#t.breath * (1 - BREATH_JITTER_SHARE + 2 * BREATH_JITTER_SHARE * random()), signal);
          continue;
        }
        if (ladder.inUse === null) ladder.record('up', clock.monoMs());
        else ladder.canaryBack(LADDER_TIMES.large_bytes, clock.monoMs());
        await this.#isUp(way, attempted, isAdopted ? null : Math.round(clock.monoMs() - begunMs));
        await this.#hold(ladder, session, setup, echo.port, signal);
        begunMs = clock.monoMs();
        await stopAll(session.ids, clock);
      }
    } finally {
      echo.close();
    }
  }

  /** Tells the ladder and the owner of an attempt that came to nothing. */
  async #failed(ladder: Ladder, way: Way, attempted: Attempted): Promise<void> {
    const { outcome, words } = attempted;
    if (outcome === 'up') return;
    const sample = await this.#sample(way, outcome, attempted);
    const known = sample === null ? outcome : refined(outcome, sample);
    this.#tellFailure(way, known, words);
    const nowMs = this.#o.clock.monoMs();
    if (ladder.inUse === null) {
      ladder.record(known, nowMs);
      return;
    }
    // The way in use, after its process ended.
    ladder.failed(nowMs);
    if (known === 'login_refused' || ladder.shouldLeave(nowMs)) ladder.leave(known, nowMs);
  }

  /** `foundMs` null: it was up before. */
  async #isUp(way: Way, seen: Seen, foundMs: number | null): Promise<void> {
    this.#lastFault = '';
    await this.#remember(way);
    this.#foundMs = foundMs;
    this.#canary = seen.canary;
    const after = foundMs === null ? 'as before' : `after ${(foundMs / 1000).toFixed(1)} s`;
    this.#o.emit({ event: 'frp_up', level: 'info', detail: `${this.#title(way)}, ${after}` });
    this.#become('up', way);
    void this.#sample(way, 'up', seen);
  }

  /** All that does not change within the boot; waits for the program. */
  async #setup(signal: AbortSignal): Promise<SessionSetup> {
    const { home, boot, token, ca, sshKey, egressKey, egressPorts, clock } = this.#o;
    const { kid, worker, expires_s, mac } = token;
    const ticket = formatFrpTicket({
      role: 'worker',
      kid,
      worker,
      expires_s,
      secret: deriveSecret(mac, FRP_TICKET_LABEL),
    });
    registerSecret(ticket);
    const secretOf = (service: string): string => {
      const secret = deriveSecret(mac, frpSecretLabel(service));
      registerSecret(secret);
      return secret;
    };
    const egress =
      egressKey === null
        ? []
        : [...egressPorts].map(([name, port]) => ({
            ...{ name, port, secretKey: egressKey },
            serverName: egressProxyName(name, egressKeyId(egressKey)),
          }));
    const binary = await this.#program(signal);
    return { owner: { home, boot }, worker, ticket, secretOf, binary, ca, sshKey, egress, clock };
  }

  async #program(signal: AbortSignal): Promise<string> {
    const { program, clock, random } = this.#o;
    for (let attempt = 0; ; attempt++) {
      try {
        return await program(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#fault(`frpc is not there: ${messageOf(error)}`);
        await clock.sleep(backoffMs(attempt, { ...PROGRAM_BACKOFF, random }), signal);
      }
    }
  }

  /** The session of the last Node, where it runs still; everything else of this home is ended first. */
  async #adopt(setup: SessionSetup): Promise<Session | null> {
    const running = await findRunning(this.#o.home);
    const session = await Session.adopt(setup, this.#addresses, running);
    const kept = session?.ids.map(({ pid }) => pid) ?? [];
    const others = running.filter(({ id }) => !kept.includes(id.pid)).map(({ id }) => id);
    await stopAll(others, this.#o.clock);
    if (session !== null) this.#o.logger.info({ pid: session.frpc?.pid }, 'frpc runs still and is adopted');
    return session;
  }

  /** One way: from its files to the canary's return. `adopted`: it runs already, and only proves itself. */
  async #attempt(
    setup: SessionSetup,
    way: Way,
    echoPort: number,
    adopted: Session | null,
    signal: AbortSignal,
  ): Promise<Attempted> {
    const { home, clock, logger } = this.#o;
    const address = this.#address(way);
    logger.info({ frps: address.url, rung: way.rung, name: way.name }, 'frps is tried');
    let session = adopted;
    const seen: Seen = { login_ms: null, canary: null, before: null };
    let outcome: Outcome = 'up';
    let words = '';
    try {
      if (adopted === null) seen.before = await lookBefore(address, way, setup.ca, clock);
      signal.throwIfAborted();
      session ??= await Session.make(setup, address, way);
      await session.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup));
      const begunMs = clock.monoMs();
      if (adopted === null) ({ outcome, words } = await this.#login(session, signal));
      else await this.#reload(session);
      if (adopted === null && outcome === 'up') seen.login_ms = Math.round(clock.monoMs() - begunMs);
      if (outcome === 'up') ({ outcome, words } = await this.#canaryStarted(session, echoPort, setup, signal));
      if (outcome === 'up') {
        const canary = await this.#firstCanary(session, signal);
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

  /** Starts the processes and waits for frps's word on the login. */
  async #login(session: Session, signal: AbortSignal): Promise<{ outcome: Outcome; words: string }> {
    const { clock, home } = this.#o;
    const limitMs = this.#t.login[session.way.rung];
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
  async #canaryStarted(
    session: Session,
    echoPort: number,
    setup: SessionSetup,
    signal: AbortSignal,
  ): Promise<{ outcome: Outcome; words: string }> {
    const { clock, token } = this.#o;
    const begun = clock.monoMs();
    let askedMs = begun;
    for (;;) {
      const proxies = (await session.api.status()) ?? [];
      const canary = proxies.find(({ name }) => name === FRP_CANARY || name === `${token.worker}.${FRP_CANARY}`);
      if (canary?.status === 'running') return { outcome: 'up', words: '' };
      const nowMs = clock.monoMs();
      const isHeld = canary !== undefined && isNameHeld(canary.err);
      if (canary?.status === 'start error' && !isHeld)
        return { outcome: 'login_refused', words: `frps refuses the canary: ${canary.err}` };
      if (isHeld && nowMs - askedMs >= ASK_MS) {
        askedMs = nowMs;
        await this.#askAgain(session, echoPort, setup, proxies);
      }
      if (nowMs - begun > (isHeld ? this.#t.held : this.#t.start))
        return { outcome: isHeld ? 'login_refused' : 'login_timeout', words: canary?.err ?? 'no word on the canary' };
      await clock.sleep(WAIT_LOOK_MS, signal);
    }
  }

  /** 64 KB. The visitor may be there a moment before the proxy is: what closes at once is sent again. */
  async #firstCanary(session: Session, signal: AbortSignal): Promise<CanaryResult> {
    const { clock } = this.#o;
    const end = clock.monoMs() + this.#t.canary;
    const bytes = LADDER_TIMES.large_bytes;
    for (;;) {
      const limitMs = Math.max(1_000, end - clock.monoMs());
      const found = await runCanary({ port: session.visitorPort, bytes, limitMs, clock, signal });
      if (found.kind !== 'closed' || found.bytes > 0 || clock.monoMs() >= end) return found;
      await clock.sleep(WAIT_LOOK_MS, signal);
    }
  }

  /** Holds a session until it is lost, the way is given up, or the first rungs are due again: the ladder then knows why. */
  async #hold(
    ladder: Ladder,
    session: Session,
    setup: SessionSetup,
    echoPort: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, home } = this.#o;
    const { way } = session;
    let onlineMs = clock.monoMs();
    let isOffline = false;
    let askedMs = -Infinity;
    for (;;) {
      signal.throwIfAborted();
      // ssh or frpc: whoever ended it, the same way is tried again.
      if (!(await session.isAlive())) {
        ladder.failed(clock.monoMs());
        return this.#lost(ladder, way, 'canary_failed', `a process ended: ${await lastWords(frpcLogPath(home))}`);
      }
      const proxies = await session.api.status();
      const nowMs = clock.monoMs();
      if (proxies !== null && proxies.length > 0) {
        if (isOffline) ladder.loggedIn(nowMs);
        isOffline = false;
        onlineMs = nowMs;
      } else {
        isOffline = true;
        if (nowMs - onlineMs > this.#t.offline) {
          const words = await lastWords(frpcLogPath(home));
          const outcome = outcomeOfWords(words);
          ladder.failed(nowMs);
          return this.#lost(ladder, way, outcome, `frps is not reached any more: ${words}`);
        }
      }
      this.#look(proxies);
      const isHeld = proxies?.some(({ err }) => isNameHeld(err)) === true && nowMs - askedMs >= ASK_MS;
      if (isHeld) {
        askedMs = nowMs;
        await this.#askAgain(session, echoPort, setup, proxies ?? []);
      } else if (await session.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup))) {
        await this.#reload(session);
      }
      const due = ladder.canaryDue(nowMs);
      if (!isOffline && due !== null && 'bytes' in due) {
        const outcome = await this.#prove(ladder, session, due.bytes, signal);
        if (outcome !== 'up' && ladder.shouldLeave(clock.monoMs()))
          return this.#lost(ladder, way, outcome, `the canary did not come back for the third time (${outcome})`);
      }
      if (ladder.shouldRetryFirst(clock.monoMs())) {
        ladder.retryFirst();
        return;
      }
      await keepSmall(frpcLogPath(home));
      await clock.sleep(this.#t.look, signal);
    }
  }

  /** A canary of the way in use. */
  async #prove(ladder: Ladder, session: Session, bytes: number, signal: AbortSignal): Promise<Outcome> {
    const { clock, logger } = this.#o;
    const { way, visitorPort: port } = session;
    const found = await runCanary({ port, bytes, limitMs: this.#t.canary, clock, signal });
    signal.throwIfAborted();
    const outcome = outcomeOfCanary(found);
    if (outcome === 'up') {
      ladder.canaryBack(bytes, clock.monoMs());
      this.#canary = found;
      this.#tell();
      return outcome;
    }
    ladder.failed(clock.monoMs());
    logger.warn({ outcome, bytes: found.bytes }, 'the canary did not come back');
    void this.#sample(way, outcome, { login_ms: null, canary: found, before: null });
    return outcome;
  }

  /** The session is over. A way that is refused, or failed too often, is left; else it is tried again at once. */
  #lost(ladder: Ladder, way: Way, outcome: BadOutcome, words: string): void {
    const nowMs = this.#o.clock.monoMs();
    this.#o.emit({
      event: 'frp_down',
      level: 'warn',
      detail: `${this.#title(way)}: ${words}`.slice(0, DETAIL_MAX_CHARS),
    });
    if (outcome === 'login_refused') this.#fault(`${this.#title(way)}: ${words}`, 'frp_refused');
    if (outcome === 'login_refused' || ladder.shouldLeave(nowMs)) ladder.leave(outcome, nowMs);
    this.#become('connecting', way);
  }

  /** Makes frpc ask frps again for the names that it holds for a session that is gone. */
  async #askAgain(
    session: Session,
    echoPort: number,
    setup: SessionSetup,
    proxies: readonly ProxyStatus[],
  ): Promise<void> {
    for (const { name, err } of proxies) {
      const own = name.startsWith(`${this.#o.token.worker}.`) ? name.slice(this.#o.token.worker.length + 1) : name;
      if (isNameHeld(err)) this.#asked.set(own, this.#askedFor(own) + 1);
    }
    this.#look(proxies);
    if (await session.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup))) await this.#reload(session);
  }

  async #reload(session: Session): Promise<void> {
    const complaint = await session.api.reload();
    if (complaint !== null) this.#o.logger.warn({ complaint }, 'frpc did not take its new configuration');
  }

  #askedFor(name: string): number {
    return this.#asked.get(name) ?? 0;
  }

  /** What has a port now. */
  #services(setup: SessionSetup): ServicePart[] {
    return this.#o.expose.flatMap((service) => {
      const { name, type, remotePort } = service;
      const localPort = this.#localPort(service);
      if (localPort === null) return [];
      return [{ name, type, remotePort, localPort, secretKey: setup.secretOf(name), asked: this.#askedFor(name) }];
    });
  }

  #localPort({ port }: ExposeSetting): number | null {
    return port === 'miner' ? this.#o.minerPort() : port;
  }

  /** Takes in what frpc says of the services, and tells what is new. */
  #look(proxies: readonly ProxyStatus[] | null): void {
    const now = exposedOf(this.#o.expose, proxies, this.#o.token.worker, (service) => this.#localPort(service));
    for (const event of newsOf(this.#exposed, now)) this.#o.emit(event);
    this.#exposed = now;
    this.#tell();
  }

  #become(state: FrpRecord['state'], way: Way | null): void {
    this.#state = state;
    if (way !== null) this.#way = way;
    if (state !== 'up') {
      this.#canary = null;
      this.#foundMs = null;
      this.#exposed = exposedOf(this.#o.expose, null, this.#o.token.worker, (service) => this.#localPort(service));
    }
    this.#tell();
  }

  /** A record, where something changed or the last one is old. */
  #tell(): void {
    const { clock, egressPorts, exportsWell } = this.#o;
    const way = this.#way;
    const record: Omit<FrpRecord, 'at_ms'> = {
      ...{ kind: 'frp', state: this.#state, frps: way === null ? null : this.#address(way).url },
      ...{ rung: way?.rung ?? null, found_ms: this.#foundMs },
      ...{ canary_bytes: this.#canary?.bytes ?? null, canary_ms: this.#canary?.ms ?? null },
      exposed: this.#exposed,
      egress: [...egressPorts.keys()].map((name) => ({ name, ok: exportsWell?.get(name) ?? null })),
    };
    const text = JSON.stringify(record);
    if (text === this.#told && clock.monoMs() - this.#toldMs < this.#t.record) return;
    this.#told = text;
    this.#toldMs = clock.monoMs();
    this.#o.onRecord({ ...record, at_ms: clock.nowMs() });
  }

  #tellFailure(way: Way, outcome: BadOutcome, words: string): void {
    const { url: frps } = this.#address(way);
    this.#o.logger.warn({ frps, rung: way.rung, outcome, words }, 'frps is not reached so');
    const detail = `${this.#title(way)}: ${words}`.slice(0, DETAIL_MAX_CHARS);
    this.#lastWords = detail.slice(0, DETAIL_MAX_CHARS - 60);
    if (outcome === 'login_refused') this.#fault(detail, 'frp_refused');
    else if (outcome === 'tls_bad') this.#fault(`${detail}; see SPOTRIG_FRP_CA`, 'frp_refused');
    else if (outcome === 'no_program') this.#fault(detail);
  }

  /** Told once, until another one or a way that works. */
  #fault(detail: string, event: 'frp_down' | 'frp_refused' = 'frp_down'): void {
    if (detail === this.#lastFault) return;
    this.#lastFault = detail;
    this.#o.emit({ event, level: 'error', detail });
  }

  /** Hands the sample on; null where the measurement itself failed. */
  async #sample(way: Way, outcome: Outcome, seen: Seen): Promise<ReachabilityRecord | null> {
    const address = this.#address(way);
    const key = JSON.stringify(way);
    try {
      const history = this.#history.get(key) ?? [];
      const sample = await sampleOf({ address, way, outcome, ...seen, ca: this.#o.ca }, history, this.#o.clock);
      this.#history.set(key, [sample, ...history].slice(0, HISTORY_MAX));
      this.#o.onSample(sample);
      return sample;
    } catch (error) {
      this.#o.logger.warn({ error: messageOf(error) }, 'an attempt at frps could not be measured');
      return null;
    }
  }

  /** The way that worked last in this network, or where the network is not known yet, in any. */
  #winner(network: string | null): Way | null {
    const networks = [network, UNKNOWN_NETWORK, ...[...this.#memory.keys()].toReversed()];
    for (const key of networks) {
      const way = key === null ? null : winnerIn(this.#memory, key, this.#addresses);
      if (way !== null) return way;
    }
    return null;
  }

  async #remember(way: Way): Promise<void> {
    const { url } = this.#address(way);
    const before = serialiseLadderMemory(this.#memory);
    this.#memory = withWinner(this.#memory, this.#o.network() ?? UNKNOWN_NETWORK, { url, ...kindOf(way) });
    const text = serialiseLadderMemory(this.#memory);
    if (text === before) return;
    try {
      await writeFileDurable(this.#memoryPath, text);
    } catch (error) {
      this.#o.logger.warn({ error: messageOf(error) }, 'the way that worked could not be kept');
    }
  }

  get #memoryPath(): string {
    return join(frpDir(this.#o.home), 'winners.json');
  }

  #address({ place }: Way): FrpAddress {
    const address = this.#addresses[place];
    if (address === undefined) throw new TypeError('no such address'); // ways are made of them
    return address;
  }

  #title(way: Way): string {
    return `${this.#address(way).url} by ${way.rung}${way.name === undefined ? '' : ` (${way.name})`}`;
  }
}

function kindOf({ rung, name }: Way): Omit<Way, 'place'> {
  return name === undefined ? { rung } : { rung, name };
}
