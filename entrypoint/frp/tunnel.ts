// The tunnel: climbs the ladder until 64 KB came back, holds that way, proves it again and again, and climbs anew when it is lost.
//   killed    frpc goes on by itself; the next Node of the boot adopts it (way.ts).
//   stopped   `stop` ends every process of this home; what frps held for it is free at once.
// Everything that the owner should know leaves by three doors: records of the tunnel, samples of each attempt, events.
import { join } from 'node:path';
import { backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { deriveSecret, egressKeyId } from '../../platform/derive.ts';
import { makeDir, readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { registerSecret } from '../../platform/secrets.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import {
  FRP_CANARY,
  FRP_RUNGS,
  FRP_TICKET_LABEL,
  egressProxyName,
  formatFrpTicket,
  frpSecretLabel,
  type FrpRung,
} from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import type { TokenFields } from '../../wire/token.ts';
import { runCanary, startEcho, type CanaryResult } from './canary.ts';
import type { ServicePart } from './config.ts';
import { findRunning, keepSmall, lastWords, stopAll, untilGone, type ProxyStatus } from './frpc.ts';
import {
  candidatesOf,
  endOf,
  forget,
  isGivenUp,
  isSame,
  jittered,
  nextOf,
  remember,
  winnerOf,
  withFirst,
  type Candidate,
  type End,
  type Tried,
  type Winner,
} from './climb.ts';
import { sampleOf } from './measure.ts';
import type { ExposeSetting, FrpCa } from './settings.ts';
import { exposedOf, isNameHeld, newsOf, titleOf } from './view.ts';
import { Way, frpDir, frpcLogPath, type WaySetup } from './way.ts';

/** All ms. */
export interface TunnelTimers {
  /** frpc itself has none for some rungs: a listener that never answers would hold it for ever. */
  login: Record<FrpRung, number>;
  /** From the login to frps's word on the canary. */
  start: number;
  /** How long a name that frps holds for a dead session is asked for. */
  held: number;
  canary: number;
  smallCanary: number;
  bigCanary: number;
  /** After a canary that failed. */
  retry: number;
  /** Without a login at frps: frpc tries again by itself for that long. */
  offline: number;
  firstAgain: number;
  pause: number;
  /** Between two attempts. */
  breath: number;
  look: number;
  record: number;
}

export const TIMERS: TunnelTimers = {
  login: {
    tls: 25_000,
    tls_classic: 25_000,
    tls_other_name: 25_000,
    tls_no_name: 25_000,
    wss: 15_000,
    ssh: 20_000,
    tls_no_mux: 15_000,
  },
  ...{ start: 5_000, held: 100_000, canary: 10_000, smallCanary: 300_000, bigCanary: 3_600_000, retry: 60_000 },
  ...{ offline: 45_000, firstAgain: 21_600_000, pause: 60_000, breath: 1_000, look: 5_000, record: 300_000 },
};

const BIG_BYTES = 64 * 1024;
const SMALL_BYTES = 1024;
/** How often frpc is looked at while something is awaited. */
const WAIT_LOOK_MS = 250;
/** Between two reloads that ask frps for a name again. */
const ASK_MS = 2_000;
const HISTORY_MAX = 4;
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

/** What a climb found, or why it goes on elsewhere. */
interface Lost {
  /** What the next climb knows already. */
  tried: Tried[];
  /** What it begins with. */
  first: Candidate[];
}

export class Tunnel {
  readonly #o: TunnelOptions;
  readonly #t: TunnelTimers;
  readonly #candidates: Candidate[];
  readonly #history = new Map<string, ReachabilityRecord[]>();
  #winners: Winner[] = [];
  #state: FrpRecord['state'] = 'connecting';
  #candidate: Candidate | null = null;
  #foundMs: number | null = null;
  #canary: CanaryResult | null = null;
  #exposed: FrpRecord['exposed'] = [];
  /** How often frps was asked for a name again. */
  readonly #asked = new Map<string, number>();
  #told = '';
  #toldMs = -Infinity;
  #lastFault = '';
  #ended: Promise<void> = Promise.resolve();

  constructor(o: TunnelOptions) {
    this.#o = o;
    this.#t = { ...TIMERS, ...o.timers };
    // Without its key the rung `ssh` is none.
    const addresses = o.sshKey === null ? o.addresses.map((address) => ({ ...address, ssh: null })) : o.addresses;
    this.#candidates = candidatesOf(addresses, o.country);
  }

  /** Keeps the tunnel up until the signal; its processes then go on. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    this.#ended = this.#run(signal).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#o.logger.error({ error: messageOf(error) }, 'the tunnel gave up');
      this.#o.emit({ event: 'frp_down', level: 'error', detail: `the tunnel gave up: ${messageOf(error)}` });
    });
    return this.#ended;
  }

  /** Ends every process of this home. The signal of `run` must be aborted. */
  async stop(): Promise<void> {
    await this.#ended;
    await stopAll(
      (await findRunning(this.#o.home)).map(({ id }) => id),
      this.#o.clock,
    );
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { home, clock, random, logger } = this.#o;
    await makeDir(frpDir(home));
    this.#winners = (await readJsonTolerant(this.#winnersPath, winnersOf)) ?? [];
    const setup = await this.#setup(signal);
    const echo = await startEcho();
    try {
      let way = await this.#adopt(setup);
      let lost: Lost = { tried: [], first: [] };
      while (!signal.aborted) {
        way ??= await this.#climb(setup, echo.port, lost, signal);
        if (way === null) {
          this.#become('down', null);
          const ms = jittered(this.#t.pause, random);
          logger.info({ ms }, 'no way to frps worked; a pause');
          await clock.sleep(ms, signal);
          lost = { tried: [], first: [] };
          continue;
        }
        lost = await this.#hold(way, setup, echo.port, signal);
        await stopAll(way.ids, clock);
        way = null;
      }
    } finally {
      echo.close();
    }
  }

  /** All that does not change within the boot; waits for the program. */
  async #setup(signal: AbortSignal): Promise<WaySetup> {
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

  /** The way of the last Node, where it runs still; everything else of this home is ended first. */
  async #adopt(setup: WaySetup): Promise<Way | null> {
    const running = await findRunning(this.#o.home);
    const way = await Way.adopt(setup, this.#o.addresses, running);
    const kept = way?.ids.map(({ pid }) => pid) ?? [];
    const others = running.filter(({ id }) => !kept.includes(id.pid)).map(({ id }) => id);
    await stopAll(others, this.#o.clock);
    if (way !== null) {
      this.#candidate = way.candidate;
      this.#o.logger.info({ pid: way.frpc?.pid }, 'frpc runs still and is adopted');
    }
    return way;
  }

  /** Tries one candidate after the other; null: the round is over and none worked. */
  async #climb(setup: WaySetup, echoPort: number, lost: Lost, signal: AbortSignal): Promise<Way | null> {
    const { addresses, network, clock, random } = this.#o;
    const begun = clock.monoMs();
    const winner = winnerOf(this.#winners, network(), addresses, this.#candidates);
    const order = withFirst(this.#candidates, lost.first.length > 0 || winner === null ? lost.first : [winner]);
    const tried = [...lost.tried];
    for (let next = nextOf(order, tried); next !== null; next = nextOf(order, tried)) {
      if (tried.length > 0) await clock.sleep(jittered(this.#t.breath, random), signal);
      this.#become('connecting', next);
      const { end, canary, way, words } = await this.#attempt(setup, next, echoPort, signal);
      signal.throwIfAborted();
      if (way === null) {
        tried.push({ candidate: next, end });
        this.#tellFailure(next, end, words);
        await this.#sample(next, end, canary);
        signal.throwIfAborted();
        continue;
      }
      this.#foundMs = Math.round(clock.monoMs() - begun);
      this.#canary = canary;
      await this.#keepWinner(next);
      this.#lastFault = '';
      const took = `${(this.#foundMs / 1000).toFixed(1)} s`;
      this.#o.emit({ event: 'frp_up', level: 'info', detail: `${this.#title(next)} after ${took}` });
      this.#become('up', next);
      void this.#sample(next, 'worked', canary);
      return way;
    }
    return null;
  }

  /** One candidate: from its files to the canary's return. The processes of one that does not work are gone when it returns. */
  async #attempt(
    setup: WaySetup,
    candidate: Candidate,
    echoPort: number,
    signal: AbortSignal,
  ): Promise<{ end: End; canary: CanaryResult | null; way: Way | null; words: string }> {
    const { home, clock, logger } = this.#o;
    const address = this.#address(candidate);
    logger.info({ frps: address.url, rung: candidate.rung }, 'frps is tried');
    this.#exposed = [];
    let way: Way | null = null;
    let canary: CanaryResult | null = null;
    let end: End = 'failed';
    let words = '';
    try {
      way = await Way.make(setup, address, candidate);
      await way.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup));
      ({ end, words } = await this.#login(way, signal));
      if (end === 'worked') ({ end, words } = await this.#canaryStarted(way, echoPort, setup, signal));
      if (end === 'worked') {
        canary = await this.#firstCanary(way, signal);
        end = canary.kind === 'ok' ? 'worked' : canary.kind === 'closed' ? 'broken' : canary.kind;
        words = `the canary: ${canary.kind} after ${canary.bytes} bytes and ${canary.ms} ms`;
      }
    } catch (error) {
      signal.throwIfAborted();
      words = messageOf(error);
      end = 'failed';
    }
    if (end === 'worked') return { end, canary, way, words };
    await keepSmall(frpcLogPath(home));
    if (way !== null) await stopAll(way.ids, clock);
    return { end, canary, way: null, words };
  }

  /** Starts the processes and waits for frps's word on the login. */
  async #login(way: Way, signal: AbortSignal): Promise<{ end: End; words: string }> {
    const { clock, home } = this.#o;
    const limitMs = this.#t.login[way.candidate.rung];
    const isStarted = (await way.start(limitMs, signal)) === 'started';
    const id = way.frpc;
    const done = async (): Promise<boolean> => ((await way.api.status()) ?? []).length > 0;
    const how =
      isStarted && id !== null ? await untilGone({ id, done, limitMs, everyMs: WAIT_LOOK_MS, clock, signal }) : 'gone';
    if (how === 'done') return { end: 'worked', words: '' };
    const words = await lastWords(frpcLogPath(home));
    if (how === 'late') return { end: 'silent', words: `no login within ${limitMs / 1000} s; ${words}` };
    return { end: isStarted ? endOf(words) : 'silent', words };
  }

  /** Waits until frps took the canary; a name that it holds for a session that is gone is asked for again and again. */
  async #canaryStarted(
    way: Way,
    echoPort: number,
    setup: WaySetup,
    signal: AbortSignal,
  ): Promise<{ end: End; words: string }> {
    const { clock, token } = this.#o;
    const begun = clock.monoMs();
    let askedMs = begun;
    for (;;) {
      const proxies = (await way.api.status()) ?? [];
      const canary = proxies.find(({ name }) => name === FRP_CANARY || name === `${token.worker}.${FRP_CANARY}`);
      if (canary?.status === 'running') return { end: 'worked', words: '' };
      const nowMs = clock.monoMs();
      const isHeld = canary !== undefined && isNameHeld(canary.err);
      if (isHeld && nowMs - askedMs >= ASK_MS) {
        askedMs = nowMs;
        await this.#askAgain(way, echoPort, setup, proxies);
      }
      if (canary?.status === 'start error' && !isHeld)
        return { end: 'login_refused', words: `frps refuses the canary: ${canary.err}` };
      if (nowMs - begun > (isHeld ? this.#t.held : this.#t.start))
        return { end: isHeld ? 'login_refused' : 'silent', words: canary?.err ?? 'frps said nothing of the canary' };
      await clock.sleep(WAIT_LOOK_MS, signal);
    }
  }

  /** 64 KB. The visitor may be there a moment before the proxy is: what closes at once is sent again. */
  async #firstCanary(way: Way, signal: AbortSignal): Promise<CanaryResult> {
    const { clock } = this.#o;
    const end = clock.monoMs() + this.#t.canary;
    for (;;) {
      const limitMs = Math.max(1_000, end - clock.monoMs());
      const found = await runCanary({ port: way.visitorPort, bytes: BIG_BYTES, limitMs, clock, signal });
      if (found.kind !== 'closed' || found.bytes > 0 || clock.monoMs() >= end) return found;
      await clock.sleep(WAIT_LOOK_MS, signal);
    }
  }

  /** Holds a way until it is lost, or the first rung is due again. */
  async #hold(way: Way, setup: WaySetup, echoPort: number, signal: AbortSignal): Promise<Lost> {
    const { clock, home } = this.#o;
    const t = this.#t;
    const begunMs = clock.monoMs();
    const failures: number[] = [];
    let onlineMs = begunMs;
    // An adopted way proves itself first.
    let smallMs = this.#state === 'up' ? begunMs + t.smallCanary : begunMs;
    let bigMs = begunMs + t.bigCanary;
    let askedMs = -Infinity;
    const lose = (end: End, words: string): Lost => {
      this.#o.emit({ event: 'frp_down', level: 'warn', detail: `${this.#title(way.candidate)}: ${words}` });
      this.#become('connecting', way.candidate);
      return { tried: end === 'worked' ? [] : [{ candidate: way.candidate, end }], first: [] };
    };
    for (;;) {
      signal.throwIfAborted();
      // ssh and frpc: whoever ended them, the same way is the first to be tried again.
      if (!(await way.isAlive())) return lose('worked', `its process ended: ${await lastWords(frpcLogPath(home))}`);
      const proxies = await way.api.status();
      const nowMs = clock.monoMs();
      if (proxies !== null && proxies.length > 0) onlineMs = nowMs;
      if (nowMs - onlineMs > t.offline) {
        const words = await lastWords(frpcLogPath(home));
        const end = endOf(words);
        if (end === 'login_refused') this.#o.emit({ event: 'frp_refused', level: 'error', detail: words });
        return lose(end === 'failed' ? 'broken' : end, `frps is not reached any more: ${words}`);
      }
      this.#look(proxies);
      const isHeld = proxies?.some(({ err }) => isNameHeld(err)) === true && nowMs - askedMs >= ASK_MS;
      if (isHeld) askedMs = nowMs;
      if (isHeld) await this.#askAgain(way, echoPort, setup, proxies ?? []);
      else if (await way.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup))) await this.#reload(way);

      if (nowMs >= smallMs) {
        const isBig = nowMs >= bigMs || this.#state !== 'up';
        const bytes = isBig ? BIG_BYTES : SMALL_BYTES;
        const found =
          this.#state === 'up'
            ? await runCanary({ port: way.visitorPort, bytes, limitMs: t.canary, clock, signal })
            : await this.#firstCanary(way, signal);
        signal.throwIfAborted();
        smallMs = clock.monoMs() + (found.kind === 'ok' ? t.smallCanary : t.retry);
        if (found.kind === 'ok') {
          if (isBig) bigMs = clock.monoMs() + t.bigCanary;
          this.#canary = found;
          if (this.#state !== 'up') {
            this.#o.emit({ event: 'frp_up', level: 'info', detail: `${this.#title(way.candidate)}, as before` });
            this.#become('up', way.candidate);
          }
        } else {
          failures.push(clock.monoMs());
          const end: End = found.kind === 'closed' ? 'broken' : found.kind;
          void this.#sample(way.candidate, end, found);
          this.#o.logger.warn({ end, bytes: found.bytes }, 'the canary did not come back');
          if (isGivenUp(failures, clock.monoMs())) {
            await this.#dropWinner(way.candidate);
            return lose(end, `the canary did not come back three times (${found.kind} after ${found.bytes} bytes)`);
          }
        }
      }
      const [first] = this.#candidates;
      if (first !== undefined && !isSame(first, way.candidate) && clock.monoMs() - begunMs >= t.firstAgain) {
        this.#become('connecting', first);
        return { tried: [], first: [first, way.candidate] };
      }
      await keepSmall(frpcLogPath(home));
      await clock.sleep(t.look, signal);
    }
  }

  /** Makes frpc ask frps again for the names that it holds for a session that is gone. */
  async #askAgain(way: Way, echoPort: number, setup: WaySetup, proxies: readonly ProxyStatus[]): Promise<void> {
    for (const { name, err } of proxies) {
      const own = name.startsWith(`${this.#o.token.worker}.`) ? name.slice(this.#o.token.worker.length + 1) : name;
      if (isNameHeld(err)) this.#asked.set(own, this.#askedFor(own) + 1);
    }
    this.#look(proxies);
    if (await way.write(echoPort, this.#askedFor(FRP_CANARY), this.#services(setup))) await this.#reload(way);
  }

  async #reload(way: Way): Promise<void> {
    const complaint = await way.api.reload();
    if (complaint !== null) this.#o.logger.warn({ complaint }, 'frpc did not take its new configuration');
  }

  #askedFor(name: string): number {
    return this.#asked.get(name) ?? 0;
  }

  /** What has a port now. */
  #services(setup: WaySetup): ServicePart[] {
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

  #become(state: FrpRecord['state'], candidate: Candidate | null): void {
    this.#state = state;
    if (candidate !== null) this.#candidate = candidate;
    if (state !== 'up') {
      this.#canary = null;
      this.#foundMs = null;
      this.#exposed = exposedOf(this.#o.expose, null, this.#o.token.worker, (service) => this.#localPort(service));
    }
    this.#tell();
  }

  /** A record, where something changed or the last one is old. */
  #tell(): void {
    const { clock, egressPorts } = this.#o;
    const candidate = this.#candidate;
    const record: Omit<FrpRecord, 'at_ms'> = {
      ...{ kind: 'frp', state: this.#state, frps: candidate === null ? null : this.#address(candidate).url },
      ...{ rung: candidate?.rung ?? null, found_ms: this.#foundMs },
      ...{ canary_bytes: this.#canary?.bytes ?? null, canary_ms: this.#canary?.ms ?? null },
      exposed: this.#exposed,
      egress: [...egressPorts.keys()].map((name) => ({ name, ok: null })),
    };
    const text = JSON.stringify(record);
    if (text === this.#told && clock.monoMs() - this.#toldMs < this.#t.record) return;
    this.#told = text;
    this.#toldMs = clock.monoMs();
    this.#o.onRecord({ ...record, at_ms: clock.nowMs() });
  }

  #tellFailure(candidate: Candidate, end: End, words: string): void {
    this.#o.logger.warn(
      { frps: this.#address(candidate).url, rung: candidate.rung, end, words },
      'frps is not reached so',
    );
    if (end === 'login_refused') this.#fault(`${this.#title(candidate)}: ${words}`, 'frp_refused');
    else if (end === 'certificate')
      this.#fault(`${this.#title(candidate)}: ${words}; see SPOTRIG_FRP_CA`, 'frp_refused');
    else if (end === 'failed') this.#fault(`${this.#title(candidate)}: ${words}`);
  }

  /** Told once, until another one or a way that works. */
  #fault(detail: string, event: 'frp_down' | 'frp_refused' = 'frp_down'): void {
    if (detail === this.#lastFault) return;
    this.#lastFault = detail;
    this.#o.emit({ event, level: 'error', detail });
  }

  async #sample(candidate: Candidate, end: End, canary: CanaryResult | null): Promise<void> {
    const address = this.#address(candidate);
    const key = `${candidate.place} ${candidate.rung}`;
    try {
      const history = this.#history.get(key) ?? [];
      const sample = await sampleOf({ address, candidate, end, canary }, history, this.#o.clock);
      this.#history.set(key, [sample, ...history].slice(0, HISTORY_MAX));
      this.#o.onSample(sample);
    } catch (error) {
      this.#o.logger.warn({ error: messageOf(error) }, 'an attempt at frps could not be measured');
    }
  }

  async #keepWinner({ place, rung, otherName }: Candidate): Promise<void> {
    const url = this.#o.addresses[place]?.url ?? '';
    await this.#saveWinners(remember(this.#winners, { network: this.#o.network(), url, rung, otherName }));
  }

  async #dropWinner({ place, rung, otherName }: Candidate): Promise<void> {
    const url = this.#o.addresses[place]?.url ?? '';
    await this.#saveWinners(forget(this.#winners, { url, rung, otherName }));
  }

  async #saveWinners(winners: Winner[]): Promise<void> {
    if (JSON.stringify(winners) === JSON.stringify(this.#winners)) return;
    this.#winners = winners;
    try {
      await writeFileDurable(this.#winnersPath, JSON.stringify(winners));
    } catch (error) {
      this.#o.logger.warn({ error: messageOf(error) }, 'the way that worked could not be kept');
    }
  }

  get #winnersPath(): string {
    return join(frpDir(this.#o.home), 'winners.json');
  }

  #address({ place }: Candidate): FrpAddress {
    const address = this.#o.addresses[place];
    if (address === undefined) throw new TypeError('no such address'); // candidates are made of them
    return address;
  }

  #title(candidate: Candidate): string {
    return titleOf(this.#address(candidate).url, candidate);
  }
}

/** null for a file of another shape. */
function winnersOf(value: unknown): Winner[] | null {
  if (!Array.isArray(value)) return null;
  return value.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null) return [];
    const { network = null, url, rung, otherName = null } = item as Partial<Record<keyof Winner, unknown>>;
    const known = FRP_RUNGS.find((one) => one === rung);
    const isText = (text: unknown): text is string | null => text === null || typeof text === 'string';
    if (typeof url !== 'string' || known === undefined || !isText(network) || !isText(otherName)) return [];
    return [{ network, url, rung: known, otherName }];
  });
}
