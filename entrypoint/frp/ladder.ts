// Which way to an frps is tried next, when a way in use is left, and when it is proven again: decided by what was tried alone, without
// network, disk or clock of its own. Facts behind the rules: docs/design/009-frp.md.
import { endpointOf } from '../../stratum/frp-rungs.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_RUNGS, type FrpRung } from '../../wire/frp-names.ts';

/** Every threshold of the ladder. */
export const LADDER_TIMES = {
  /** Each drawn time is up to this share shorter or longer, so that a fleet does not move at one moment. */
  jitter: 0.3,
  /** After a whole round without success; doubled for each further one, up to `pause_max_ms`, jitter included. */
  pause_ms: 60_000,
  pause_max_ms: 300_000,
  /** This many failures of the way in use within this time: it is left. */
  failures: 3,
  failures_within_ms: 600_000,
  /** The first rung is tried again after this time on another one. */
  retry_first_ms: 6 * 3_600_000,
  small_bytes: 1024,
  small_every_ms: 300_000,
  /** More than the 32 KB after which a freeze shows. Also what proves a way. */
  large_bytes: 65_536,
  large_every_ms: 3_600_000,
  /** After a failure of the way in use: soon enough that a dead one is left within minutes. */
  large_after_failure_ms: 60_000,
} as const;

/** One address by one rung. */
export interface Way {
  /** Index of the FrpAddress. */
  place: number;
  rung: FrpRung;
  /** Of `tls_other_name`: which of the address's other names is sent. */
  name?: string;
}

/** What an attempt at a way, or the way in use, came to. */
export type Outcome =
  | 'up'
  /** Refused, unreachable or timed out before TCP was there. */
  | 'no_tcp'
  /** Stalled or reset right after the hello. */
  | 'hello'
  /** The certificate was refused. */
  | 'tls_bad'
  | 'login_timeout'
  | 'login_refused'
  /** Logged in, and the canary met silence. */
  | 'frozen'
  | 'slow'
  /** The canary was closed early. */
  | 'canary_failed'
  /** frpc, or for the rung `ssh` ssh, is not there. */
  | 'no_program';

export interface Attempt {
  way: Way;
  outcome: Outcome;
  /** By the caller's clock. */
  at_ms: number;
}

/**
 * Orders of the rungs by the machine's country (marketCountry); others, Russia among them, have FRP_RUNGS: a hello without a name
 * passed there in 2025. Iran blocked it in 2024, so there it is the last but the one that needs many connections.
 */
export const RUNGS_BY_COUNTRY: Readonly<Record<string, readonly FrpRung[]>> = {
  IR: ['tls', 'tls_classic', 'tls_other_name', 'wss', 'ssh', 'tls_no_name', 'tls_no_mux'],
};

/**
 * All ways in the order of a round: every address on its first rung, then every address on its second, and so on; within a rung
 * the addresses that are meant for the machine's country (marketCountry; null: not known) come first. An address without a key for
 * its sshd must come with `ssh: null`.
 */
export function waysOf(addresses: readonly FrpAddress[], country: string | null): Way[] {
  const isMeant = (address: FrpAddress): boolean => country !== null && address.tags.includes(country);
  const places = addresses.map((_, place) => place);
  const sorted = [
    ...places.filter((place) => isMeant(addressAt(addresses, place))),
    ...places.filter((place) => !isMeant(addressAt(addresses, place))),
  ];
  const byCountry = (country === null ? undefined : RUNGS_BY_COUNTRY[country]) ?? FRP_RUNGS;
  return FRP_RUNGS.flatMap((_, column) =>
    sorted.flatMap((place): Way[] => {
      const address = addressAt(addresses, place);
      const rung = (address.rungs ?? byCountry)[column];
      if (rung === undefined || endpointOf(address, rung) === null) return [];
      return rung === 'tls_other_name' ? address.otherNames.map((name) => ({ place, rung, name })) : [{ place, rung }];
    }),
  );
}

function addressAt(addresses: readonly FrpAddress[], place: number): FrpAddress {
  const address = addresses[place];
  if (address === undefined) throw new RangeError(`no frps has the place ${String(place)}`);
  return address;
}

/** Whether they are one, whoever made them. */
export function isSameWay(a: Way | null, b: Way): boolean {
  return a?.place === b.place && a.rung === b.rung && a.name === b.name;
}

export interface LadderOptions {
  addresses: readonly FrpAddress[];
  /** The machine's, by marketCountry; null: not known. */
  country: string | null;
  /** The way that worked last in this network (`winnerIn`); null: none is known. */
  winner: Way | null;
  random: () => number;
}

/**
 * The ladder of one network: what was tried in the present round, and the way in use. At most one way is tried or in use at any
 * time: `next` gives the same one until `record` says what it came to. All times are the caller's, of one monotonic clock, in ms.
 */
export class Ladder {
  readonly ways: readonly Way[];
  readonly #o: LadderOptions;
  #winner: Way | null;
  #trying: Way | null = null;
  #inUse: Way | null = null;
  #round: Attempt[] = [];
  /** First rungs before the winner: the round began to find a better way, and the winner is what it falls back to. */
  #isFirstRungRound = false;
  #barrenRounds = 0;
  #pauseEnd_ms: number | null = null;
  /** Of the way in use. */
  #failures_ms: number[] = [];
  #firstRungDue_ms = 0;
  #smallDue_ms = 0;
  #largeDue_ms = 0;

  constructor(o: LadderOptions) {
    this.#o = o;
    this.ways = waysOf(o.addresses, o.country);
    this.#winner = this.ways.find((way) => isSameWay(o.winner, way)) ?? null;
  }

  get inUse(): Way | null {
    return this.#inUse;
  }

  /** The way to try now, or how long to wait before asking again. While a way is in use, the way itself. */
  next(nowMs: number): { way: Way } | { wait_ms: number } {
    const current = this.#inUse ?? this.#trying;
    if (current !== null) return { way: current };
    if (this.#pauseEnd_ms !== null) {
      if (nowMs < this.#pauseEnd_ms) return { wait_ms: this.#pauseEnd_ms - nowMs };
      this.#beginRound({ isFirstRungRound: false });
    }
    const way = this.#order().find((candidate) => this.#mayTry(candidate));
    if (way !== undefined) {
      this.#trying = way;
      return { way };
    }
    const { pause_ms, pause_max_ms, jitter } = LADDER_TIMES;
    const pauseMs = this.#about(
      Math.min(pause_ms * 2 ** Math.min(this.#barrenRounds, 10), pause_max_ms / (1 + jitter)),
    );
    this.#barrenRounds += 1;
    this.#pauseEnd_ms = nowMs + pauseMs;
    return { wait_ms: pauseMs };
  }

  /** What the way that `next` gave came to. `up`: the large canary came back, and the way is in use from now on. */
  record(outcome: Outcome, nowMs: number): Attempt {
    const way = this.#trying;
    if (way === null) throw new Error('no way is being tried');
    this.#trying = null;
    const attempt: Attempt = { way, outcome, at_ms: nowMs };
    this.#round.push(attempt);
    if (outcome === 'up') {
      this.#inUse = way;
      this.#winner = way;
      this.#barrenRounds = 0;
      this.#failures_ms = [];
      this.#firstRungDue_ms = nowMs + this.#about(LADDER_TIMES.retry_first_ms);
      this.canaryBack(LADDER_TIMES.large_bytes, nowMs);
    }
    return attempt;
  }

  /** The way in use failed once: a canary, or a session that broke and was not there again in time. */
  failed(nowMs: number): void {
    const { failures, large_after_failure_ms } = LADDER_TIMES;
    this.#failures_ms = [...this.#failures_ms, nowMs].slice(-failures);
    this.#largeDue_ms = nowMs + this.#about(large_after_failure_ms);
    // The large one comes before it and says more.
    this.#smallDue_ms = nowMs + this.#about(LADDER_TIMES.small_every_ms);
  }

  /** The way in use failed too often. */
  shouldLeave(nowMs: number): boolean {
    const { failures, failures_within_ms } = LADDER_TIMES;
    return (
      this.#inUse !== null && this.#failures_ms.filter((ms) => nowMs - ms <= failures_within_ms).length >= failures
    );
  }

  /** Leaves the way in use. A new round begins, in which it counts as tried with this outcome. */
  leave(outcome: Exclude<Outcome, 'up'>, nowMs: number): void {
    const way = this.#inUse;
    if (way === null) return;
    this.#beginRound({ isFirstRungRound: false });
    this.#round.push({ way, outcome, at_ms: nowMs });
  }

  /** The way in use is not its address's first rung, and has been for long enough that the first may work again. */
  shouldRetryFirst(nowMs: number): boolean {
    return this.#inUse !== null && !this.#isFirstRung(this.#inUse) && nowMs >= this.#firstRungDue_ms;
  }

  /** Leaves the way in use for a round that begins with the first rungs, and comes back to it when they fail. */
  retryFirst(): void {
    if (this.#inUse !== null) this.#beginRound({ isFirstRungRound: true });
  }

  /** frpc logged in anew by the way in use: the large canary is due. */
  loggedIn(nowMs: number): void {
    this.#largeDue_ms = nowMs;
  }

  /** The canary that the way in use owes now, in bytes each way, or how long none is due. null: no way is in use. */
  canaryDue(nowMs: number): { bytes: number } | { wait_ms: number } | null {
    if (this.#inUse === null) return null;
    if (nowMs >= this.#largeDue_ms) return { bytes: LADDER_TIMES.large_bytes };
    if (nowMs >= this.#smallDue_ms) return { bytes: LADDER_TIMES.small_bytes };
    return { wait_ms: Math.min(this.#largeDue_ms, this.#smallDue_ms) - nowMs };
  }

  /** A canary of the way in use came back. A large one proves what a small one would. */
  canaryBack(bytes: number, nowMs: number): void {
    this.#smallDue_ms = nowMs + this.#about(LADDER_TIMES.small_every_ms);
    if (bytes >= LADDER_TIMES.large_bytes) this.#largeDue_ms = nowMs + this.#about(LADDER_TIMES.large_every_ms);
  }

  #beginRound(o: { isFirstRungRound: boolean }): void {
    this.#inUse = null;
    this.#trying = null;
    this.#round = [];
    this.#failures_ms = [];
    this.#pauseEnd_ms = null;
    this.#isFirstRungRound = o.isFirstRungRound;
  }

  /** A time of about this length. */
  #about(ms: number): number {
    const { jitter } = LADDER_TIMES;
    return Math.round(ms * (1 - jitter + 2 * jitter * this.#o.random()));
  }

  #order(): Way[] {
    const winner = this.#winner;
    if (winner === null) return [...this.ways];
    const first = this.#isFirstRungRound ? this.ways.filter((way) => this.#isFirstRung(way)) : [];
    const rest = this.ways.filter((way) => !first.includes(way) && way !== winner);
    return first.includes(winner) ? [...first, ...rest] : [...first, winner, ...rest];
  }

  #isFirstRung(way: Way): boolean {
    return this.ways.find(({ place }) => place === way.place) === way;
  }

  /** Not tried yet in this round, not ruled out by what was, and no other rung of its address is to be tried before it. */
  #mayTry(way: Way): boolean {
    if (this.#isOver(way)) return false;
    // What a round for the first rungs showed of them says nothing against the way that worked a moment ago.
    if (this.#isFirstRungRound && way === this.#winner) return true;
    if (this.#isSkipped(way)) return false;
    const sooner = this.#soonerRungs(way.place).find((rung) =>
      this.ways.some(
        (other) => other.place === way.place && other.rung === rung && !this.#isOver(other) && !this.#isSkipped(other),
      ),
    );
    return sooner === undefined || sooner === way.rung;
  }

  /** Tried, or it would meet what another attempt met: nobody listens there, the login is refused, the program is missing. */
  #isOver(way: Way): boolean {
    return this.#round.some(({ way: tried, outcome }) => {
      if (tried === way) return true;
      if (outcome === 'no_tcp') return this.#endpoint(tried) === this.#endpoint(way);
      if (outcome === 'login_refused') return tried.place === way.place;
      if (outcome === 'no_program') return tried.rung !== 'ssh' || way.rung === 'ssh';
      return false;
    });
  }

  /** A freeze of this address: what looks the same on the wire would freeze too. */
  #isSkipped({ place, rung }: Way): boolean {
    if (!this.#met(place, 'frozen')) return false;
    if (rung === 'tls' || rung === 'tls_classic') return true;
    // Behind another host's web server it may pass.
    const address = addressAt(this.#o.addresses, place);
    return rung === 'wss' && address.wss?.host === address.host;
  }

  /** Rungs of an address that come before its others, by what was met there. */
  #soonerRungs(place: number): FrpRung[] {
    return [
      ...(this.#met(place, 'frozen') ? (['tls_other_name', 'ssh'] as const) : []),
      ...(this.#met(place, 'hello') ? (['tls_classic'] as const) : []),
    ];
  }

  /** A hello of frpc's own to the address's host came to this; what ssh or another host met says nothing about it. */
  #met(place: number, outcome: Outcome): boolean {
    const address = addressAt(this.#o.addresses, place);
    return this.#round.some(
      ({ way, outcome: met }) =>
        way.place === place &&
        met === outcome &&
        way.rung !== 'ssh' &&
        endpointOf(address, way.rung)?.host === address.host,
    );
  }

  #endpoint({ place, rung }: Way): string {
    const at = endpointOf(addressAt(this.#o.addresses, place), rung);
    return at === null ? '' : `${at.host} ${String(at.port)}`;
  }
}

/** The way that worked last by network key, the newest last. Addresses go by their `url`: places change with the settings. */
export type LadderMemory = ReadonlyMap<string, Winner>;

/** A way by its address's `url`. */
export type Winner = Omit<Way, 'place'> & { url: string };

/** More than a machine ever sees; the file stays small. */
const NETWORKS_MAX = 16;
const TEXT_MAX = 300;

/** Of the parsed file. Whatever has not the form is left out. */
export function readLadderMemory(value: unknown): LadderMemory {
  const { winners } = (typeof value === 'object' && value !== null ? value : {}) as { winners?: unknown };
  const memory = new Map<string, Winner>();
  for (const entry of Array.isArray(winners) ? (winners as unknown[]) : []) {
    const {
      network,
      url,
      rung: named,
      name,
    } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
    const rung = FRP_RUNGS.find((each) => each === named);
    if (rung !== undefined && isText(network) && isText(url))
      memory.set(network, isText(name) ? { url, rung, name } : { url, rung });
  }
  return new Map([...memory].slice(-NETWORKS_MAX));
}

/** The text of the file. */
export function serialiseLadderMemory(memory: LadderMemory): string {
  return JSON.stringify({ winners: [...memory].map(([network, winner]) => ({ network, ...winner })) });
}

/** The memory with this winner; the network that won longest ago is forgotten where there are too many. */
export function withWinner(memory: LadderMemory, network: string, winner: Winner): LadderMemory {
  const others = [...memory].filter(([each]) => each !== network);
  return new Map([...others, [network, winner] as const].slice(-NETWORKS_MAX));
}

/** The way that worked last in this network; null where none is known, or its address is not in the settings any more. */
export function winnerIn(memory: LadderMemory, network: string, addresses: readonly FrpAddress[]): Way | null {
  const known = memory.get(network);
  if (known === undefined) return null;
  const { url, ...way } = known;
  const place = addresses.findIndex((address) => address.url === url);
  return place === -1 ? null : { place, ...way };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_MAX;
}
