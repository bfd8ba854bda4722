// The share meter's state on disk, so that a killed Node forgets no share: totals and the window of the running report go on.
import { join } from 'node:path';
import * as z from 'zod/mini';
import { readStateSlot } from '../platform/state-slot.ts';
import type { MeterState } from '../stratum/share-meter.ts';
import { Amount, BootId, Count, UnixMs } from '../wire/fields.ts';

const Saved = z.object({
  boot: BootId,
  saved_at_ms: UnixMs,
  state: z.object({
    totals: z.object({
      accepted_total: Count,
      rejected_total: Count,
      stale_total: Count,
      unanswered_total: Count,
    }),
    window: z.object({
      age_ms: Amount,
      connected_ms: Amount,
      accepted: Count,
      rejected: Count,
      stale: Count,
      unanswered: Count,
      unmeasured: Count,
      work_hashes: Amount,
      work_sq_hashes2: Amount,
      work_max_hashes: Amount,
    }),
    waiting: Count,
  }),
});
export type SavedMeter = z.infer<typeof Saved>;

/** Where it is. */
export function meterStatePath(home: string): string {
  return join(home, 'run', 'share-meter');
}

/** The state that an earlier Node of the same boot left, and how long ago (ms); null when there is none. */
export function readMeterState(
  home: string,
  boot: string,
  nowMs: number,
): { state: MeterState; since_ms: number } | null {
  const saved = z.safeParse(Saved, readStateSlot(meterStatePath(home)));
  if (!saved.success || saved.data.boot !== boot) return null;
  return { state: saved.data.state, since_ms: Math.max(0, nowMs - saved.data.saved_at_ms) };
}
