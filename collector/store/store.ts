// What the collector keeps, behind one interface: SQLite now (sqlite.ts), other engines later. The cases in
// test/contract/store.test.ts hold for every implementation. Times are unix ms of the collector's clock.
import type {
  GpuRecord,
  HashrateRecord,
  HostRecord,
  LifecycleRecord,
  LogRecord,
  SharesRecord,
  WireRecord,
} from '../../wire/records.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { MachineStore } from './machine-store.ts';
import type { SampleStore } from './sample-store.ts';

/** A record with its moment corrected to the collector's clock. */
export interface Timed<T> {
  at_ms: number;
  record: T;
}

/** A report that passed every check of the edge. */
export interface NewReport {
  worker: string;
  boot: string;
  seq: number;
  sent_at_ms: number;
  received_at_ms: number;
  /** received - sent, where it is large enough to be a wrong clock; else 0. The records are corrected by it already. */
  skew_ms: number;
  /** One at least. */
  records: readonly Timed<WireRecord>[];
  /** The token that it came with, where that is to be kept. */
  token?: TokenRef | undefined;
}

/** A token by what its mac is made of, beside the worker's name. */
export interface TokenRef {
  kid: string;
  expires_s: number;
}

/** The newest record of a worker's tunnel, and the token that it was reported by. */
export interface FrpFacts extends Timed<FrpRecord> {
  token: TokenRef | null;
}

/** A service of type tcp that wants a port of frps. */
export interface FrpPortAsk {
  worker: string;
  service: string;
  /** null: any, the one it had before if it had one. */
  port: number | null;
  first: number;
  last: number;
  /** Ports that one worker may keep; the one not asked for longest goes. */
  max: number;
  now_ms: number;
}

/**
 * What a stored report says about its boot. `first`: the worker's first. `current`: the boot that was current. `switched`: a
 * boot not seen before took over. `late`: an older boot's spool arrives. `returned`: an older boot took over again, so two
 * boots of one worker live at once.
 */
export type BootChange = 'first' | 'current' | 'switched' | 'late' | 'returned';

export type AddOutcome = { stored: true; boot_change: BootChange } | { stored: false };

export interface NewHello {
  worker: string;
  stage: string;
  code: number;
  received_at_ms: number;
}

/** What a stranger said of itself to frps: text of its own choice. */
export interface FrpClaim {
  user: string;
  /** null: it asked for no proxy. */
  proxy: string | null;
}

/** An event in the store: a worker's, a hello, or one that the collector made (boot null where none is known). */
export interface StoredEvent extends Timed<LifecycleRecord> {
  /** null: it is of no worker that is known or proven. */
  worker: string | null;
  boot: string | null;
  /** Only where there is no worker. */
  claimed?: FrpClaim | null;
}

/** Events of no worker that are kept; the oldest go. */
export const OWN_EVENTS_MAX = 2000;

/** Sums of shares records, ready for an interval (stratum/interval.ts). */
export interface SharesSums {
  records: number;
  window_ms: number;
  work_hashes: number;
  work_sq_hashes2: number;
  work_max_hashes: number;
  /** Accepted shares whose work is not known, and one for each record of a dialect that the worker's relay cannot read. */
  unmeasured: number;
}

/** Of a window without a record. */
export const NO_SHARES: SharesSums = {
  records: 0,
  window_ms: 0,
  work_hashes: 0,
  work_sq_hashes2: 0,
  work_max_hashes: 0,
  unmeasured: 0,
};

/** The newest facts of one worker; those of a kind are of its current boot. */
export interface WorkerFacts {
  id: string;
  boot: string | null;
  last_report_ms: number | null;
  hello: { stage: string; code: number; at_ms: number } | null;
  hashrate: Timed<HashrateRecord> | null;
  shares: Timed<SharesRecord> | null;
  gpu: Timed<GpuRecord> | null;
  shares_window: SharesSums;
  last_event: StoredEvent | null;
}

/** Record kinds that are read back as a time series. */
export interface SeriesKinds {
  hashrate: HashrateRecord;
  shares: SharesRecord;
  gpu: GpuRecord;
  log: LogRecord;
}

export type Revocation =
  | { by: 'token'; digest: string; reason: string; created_ms: number }
  | { by: 'worker'; worker: string; expires_up_to_s: number; reason: string; created_ms: number };

/** What a token is looked up by in the revocations. */
export interface TokenIdentity {
  worker: string;
  /** SHA-256 of the mac, hex. */
  digest: string;
  expires_s: number;
}

/** Every method rejects with SpotrigError('store_failed') where the engine fails; nothing of that call is then stored. */
export interface Store {
  /** Reachability: samples, controls, verdicts. */
  readonly samples: SampleStore;
  /** Machines over time: sums, and what pools credit. */
  readonly machines: MachineStore;

  /** Resolves after the commit. A report that is there already (worker, boot, seq) changes nothing. */
  addReport(report: NewReport): Promise<AddOutcome>;
  addHello(hello: NewHello): Promise<void>;
  /** An event that the collector itself noticed. Of no worker's, the newest OWN_EVENTS_MAX are kept. */
  addEvent(event: StoredEvent): Promise<void>;

  /** Every worker, by name. `shares_since_ms` is where the shares window begins. */
  workers(shares_since_ms: number): Promise<WorkerFacts[]>;
  worker(id: string, shares_since_ms: number): Promise<WorkerFacts | null>;
  /** Host facts of the worker's current boot. */
  host(id: string): Promise<Timed<HostRecord> | null>;
  /** The tunnel of the worker's current boot. */
  frp(id: string): Promise<FrpFacts | null>;
  /** Gives a service a port and keeps it for it; null: it is another's, or none is free. The port asked for is in the range. */
  takeFrpPort(ask: FrpPortAsk): Promise<number | null>;
  /** Oldest first; where there are more than `limit`, the newest `limit`. */
  series<K extends keyof SeriesKinds>(
    worker: string,
    kind: K,
    since_ms: number,
    limit: number,
  ): Promise<Timed<SeriesKinds[K]>[]>;
  /** Newest first; of one worker, of none (null), or of all and none. */
  events(query: { worker?: string | null; limit: number }): Promise<StoredEvent[]>;

  revoke(revocation: Revocation): Promise<void>;
  /** Sees at once what another process revoked. */
  isRevoked(token: TokenIdentity): Promise<boolean>;
  /** The latest expiry (unix seconds) up to which all tokens of the worker are revoked; null where none is. */
  revokedUpTo(worker: string): Promise<number | null>;

  /** Drops what was received before, at most `max_rows` rows of a table in one step; returns how many rows went. */
  prune(received_before_ms: number, max_rows: number): Promise<number>;
  /** Finishes what was accepted, then closes. */
  close(): Promise<void>;
}
