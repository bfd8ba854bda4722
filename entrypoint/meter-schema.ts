// The form of the share meter's state on disk.
import * as z from 'zod/mini';
import { Amount, Count, UnixMs } from '../wire/fields.ts';

const Saved = z.object({
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

/** null for anything else. */
export function parseSavedMeter(value: unknown): SavedMeter | null {
  const parsed = z.safeParse(Saved, value);
  return parsed.success ? parsed.data : null;
}
