// What the reporter may see of the run. The composition root (entrypoint/main.ts) implements it; the reporter never reaches
// into the entrypoint.
import type { MinerAdapter } from '../miners/miner.ts';
import type { LifecycleInput, MinerState, SharesRecord } from '../wire/records.ts';

/** The miner as it is now; null fields before there is one. */
export interface MinerView {
  state: MinerState;
  adapter: MinerAdapter;
  apiPort: number | null;
  /** Version of the release that runs; null for a preinstalled program, whose API may tell. */
  release: string | null;
  algo: string;
  /** Endpoint that the relay uses now: scheme, host and port. */
  pool: string | null;
}

/** The relay's share meter, or null where the relay is off. */
export interface MeterView {
  takeWindow(): Omit<SharesRecord, 'kind' | 'at_ms' | 'pool'>;
  delivered(windowMs: number): {
    rate_hs: number | null;
    low_hs: number | null;
    high_hs: number | null;
    window_ms: number | null;
  };
}

/** An event on its way into the spool. */
export type EventInput = LifecycleInput;
