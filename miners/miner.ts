// What spotrig knows of a miner program. One file per miner implements this; everything else treats miners alike.
import type { LadderStep } from '../platform/process.ts';

/** Everything a command line is made of. */
export interface MinerLaunch {
  /** Absolute path of the program. */
  binary: string;
  algo: string;
  /** Where the miner connects: the relay on loopback, or the pool itself when the relay is off. No login in it. */
  pool: { host: string; port: number; tls: { sni: string | null } | null };
  wallet: string;
  /** The worker's name at the pool. */
  worker: string;
  password: string;
  /** Loopback port for the miner's API. */
  apiPort: number;
  /** SPOTRIG_MINER_ARGS: come last, so that they win where the miner takes the last of two. */
  extraArgs: readonly string[];
}

/** The pool as most miners want it: `stratum+ssl://host:port`, an IPv6 address in brackets. */
export function poolAddress({ host, port, tls }: MinerLaunch['pool']): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return `stratum+${tls === null ? 'tcp' : 'ssl'}://${shown}:${String(port)}`;
}

/** What a miner's API says at one moment. Unknown is null. H/s, seconds. */
export interface MinerSample {
  name: string | null;
  version: string | null;
  algo: string | null;
  uptime_s: number | null;
  claimed_hs: number | null;
  gpus: { index: number; pci_bus: string | null; hashrate_hs: number | null }[];
  accepted: number | null;
  rejected: number | null;
}

/** What a line of a miner's log tells the supervisor. */
export type LogSign = 'dag_begin' | 'dag_done' | 'gpu_lost' | 'cuda_error' | 'out_of_memory' | 'login_refused';

export interface MinerAdapter {
  readonly name: string;
  /** The command line, argv[0] included. */
  argv(launch: MinerLaunch): string[];
  /** Variables the miner needs beside the ones every child gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its API is read. */
  apiUrl(apiPort: number): string;
  /**
   * The API's answer as a sample; null when the text is not a whole answer of this miner. Never rejects. A promise, because
   * what reads it is loaded with the first answer: the miner's start does not wait for it.
   */
  parseApi(text: string): Promise<MinerSample | null>;
  /** What this line of its log says; null for most lines. The line has no escapes and no line end. */
  logSign(line: string): LogSign | null;
  /** Whether it has a DAG to build: for that long after a start (ms), no hashrate is no fault. */
  readonly graceMs: number;
  /** How it is stopped (facts: INT is what users send, TERM is certain for few, some need KILL). */
  readonly stopLadder: readonly LadderStep[];
  /** Programs that mine on NVIDIA cards. */
  readonly needsNvidia: boolean;
}

/** How a miner's own project names what it publishes for Linux on x86-64: `npx spotrig pin` fills a release in from this. */
export interface ReleaseLayout {
  /** The archive's file name; its group `version` is the version. */
  readonly asset: RegExp;
  /** That name for a version. */
  assetOf(version: string): string;
  /** Where the project publishes that archive. */
  url(version: string, asset: string): string;
  /** The program's path inside the archive. */
  member(version: string): string;
}

/** A miner that spotrig can fetch by itself. */
export interface PublishedMiner extends MinerAdapter {
  readonly release: ReleaseLayout;
}
