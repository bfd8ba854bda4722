// The tunnel: climbs the ladder until 64 KB came back, holds that way, proves it again and again, and climbs anew when it is lost.
//   killed    frpc goes on by itself; the next Node of the boot adopts it (session.ts).
//   stopped   `stop` ends every process of this home; what frps held for it is free at once.
// What is tried, left and proven when is the ladder's (ladder.ts). Everything that the owner should know leaves by three doors: records of the tunnel, samples of each attempt, events.
import { backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { deriveSecret, egressKeyId } from '../../platform/derive.ts';
import { makeDir } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { registerSecret } from '../../platform/secrets.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_TICKET_LABEL, egressProxyName, formatFrpTicket, frpSecretLabel } from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import type { TokenFields } from '../../wire/token.ts';
import {
  ASK_MS,
  ATTEMPT_TIMERS,
  askAgain,
  attempt,
  refresh,
  type AttemptTimers,
  type Attempted,
  type Ground,
} from './attempt.ts';
import { runCanary, startEcho } from './canary.ts';
import { findRunning, keepSmall, lastWords, stopAll } from './frpc.ts';
import { LADDER_TIMES, Ladder, isSameWay, type Outcome, type Way } from './ladder.ts';
import type { ExposeSetting, FrpCa } from './settings.ts';
import { outcomeOfCanary, outcomeOfWords, refined, type BadOutcome } from './outcome.ts';
import { Services } from './services.ts';
import { Session, frpDir, frpcLogPath, type SessionSetup } from './session.ts';
import { Teller } from './teller.ts';
import { isNameHeld } from './view.ts';
import { Winners } from './winners.ts';

/** All ms. */
export interface TunnelTimers extends AttemptTimers {
  /** Without a login at frps: frpc tries again by itself for that long. */
  offline: number;
  /** Between two attempts. */
  breath: number;
  look: number;
  record: number;
}

export const TIMERS: TunnelTimers = {
  ...ATTEMPT_TIMERS,
  ...{ offline: 45_000, breath: 1_000, look: 5_000, record: 300_000 },
};

const BREATH_JITTER_SHARE = 0.3;
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

export class Tunnel {
  readonly #o: TunnelOptions;
  readonly #t: TunnelTimers;
  readonly #addresses: readonly FrpAddress[];
  readonly #services: Services;
  readonly #teller: Teller;
  #ended: Promise<void> = Promise.resolve();

  constructor(o: TunnelOptions) {
    this.#o = o;
    this.#t = { ...TIMERS, ...o.timers };
    // Without its key the rung `ssh` is none.
    this.#addresses = o.sshKey === null ? o.addresses.map((address) => ({ ...address, ssh: null })) : o.addresses;
    this.#services = new Services({ worker: o.token.worker, expose: o.expose, minerPort: o.minerPort });
    this.#teller = new Teller({ ...o, addresses: this.#addresses, recordMs: this.#t.record });
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
        this.#teller.fault(`the tunnel failed: ${messageOf(error)}`);
        this.#isDown('down', null);
        await clock.sleep(backoffMs(attempt, { ...FAULT_BACKOFF, random }), signal).catch(() => undefined);
      }
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { home, country, clock, random, logger, network } = this.#o;
    await makeDir(frpDir(home));
    const winners = await Winners.read(home, logger);
    const setup = await this.#setup(signal);
    const echo = await startEcho();
    const ground: Ground = {
      ...{ home, setup, echoPort: echo.port, services: this.#services, timers: this.#t, clock, logger },
      onExposed: (exposed) => this.#teller.exposes(exposed),
    };
    try {
      let adopted = await this.#adopt(setup);
      const winner = adopted?.way ?? winners.of(network(), this.#addresses);
      const ladder = new Ladder({ addresses: this.#addresses, country, winner, random });
      let begunMs = clock.monoMs();
      while (!signal.aborted) {
        const next = ladder.next(clock.monoMs());
        if ('wait_ms' in next) {
          this.#isDown('down', null);
          this.#teller.noWay();
          logger.info({ ms: next.wait_ms }, 'no way to frps worked; a pause');
          await clock.sleep(next.wait_ms, signal);
          begunMs = clock.monoMs();
          continue;
        }
        const { way } = next;
        this.#isDown('connecting', way);
        if (adopted !== null && !isSameWay(adopted.way, way)) {
          await stopAll(adopted.ids, clock);
          adopted = null;
        }
        const attempted = await attempt(ground, { address: this.#address(way), way, adopted }, signal);
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
        const { rung, name } = way;
        const winner = { url: this.#address(way).url, rung, ...(name === undefined ? {} : { name }) };
        await winners.remember(network(), winner);
        this.#teller.isUp(way, attempted, isAdopted ? null : Math.round(clock.monoMs() - begunMs));
        await this.#hold(ladder, session, ground, signal);
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
    const sample = await this.#teller.sample(way, outcome, attempted);
    const known = sample === null ? outcome : refined(outcome, sample);
    this.#teller.failed(way, known, words);
    const nowMs = this.#o.clock.monoMs();
    if (ladder.inUse === null) {
      ladder.record(known, nowMs);
      return;
    }
    // The way in use, after its process ended.
    ladder.failed(nowMs);
    if (known === 'login_refused' || ladder.shouldLeave(nowMs)) ladder.leave(known, nowMs);
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
        this.#teller.fault(`frpc is not there: ${messageOf(error)}`);
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

  /** Holds a session until it is lost, the way is given up, or the first rungs are due again: the ladder then knows why. */
  async #hold(ladder: Ladder, session: Session, ground: Ground, signal: AbortSignal): Promise<void> {
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
      this.#teller.exposes(this.#services.exposed(proxies));
      const isHeld = proxies?.some(({ err }) => isNameHeld(err)) === true && nowMs - askedMs >= ASK_MS;
      if (isHeld) {
        askedMs = nowMs;
        await askAgain(ground, session, proxies ?? []);
      } else {
        await refresh(ground, session);
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
      this.#teller.proven(found);
      return outcome;
    }
    ladder.failed(clock.monoMs());
    logger.warn({ outcome, bytes: found.bytes }, 'the canary did not come back');
    void this.#teller.sample(way, outcome, { login_ms: null, canary: found, before: null });
    return outcome;
  }

  /** The session is over. A way that is refused, or failed too often, is left; else it is tried again at once. */
  #lost(ladder: Ladder, way: Way, outcome: BadOutcome, words: string): void {
    const nowMs = this.#o.clock.monoMs();
    this.#teller.lost(way, outcome, words);
    if (outcome === 'login_refused' || ladder.shouldLeave(nowMs)) ladder.leave(outcome, nowMs);
    this.#isDown('connecting', way);
  }

  #isDown(state: 'connecting' | 'down', way: Way | null): void {
    this.#teller.isDown(state, way, this.#services.exposed(null));
  }

  #address({ place }: Way): FrpAddress {
    const address = this.#addresses[place];
    if (address === undefined) throw new TypeError('no such address'); // ways are made of them
    return address;
  }
}
