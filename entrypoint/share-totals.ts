// Share totals of this boot on disk, so that they go on when Node is started again.
import { join } from 'node:path';
import * as z from 'zod/mini';
import { readJsonTolerant, writeFileDurable } from '../platform/durable-file.ts';
import type { ShareTotals } from '../stratum/share-meter.ts';
import { BootId, Count } from '../wire/fields.ts';

const Saved = z.object({
  boot: BootId,
  totals: z.object({
    accepted_total: Count,
    rejected_total: Count,
    stale_total: Count,
    unanswered_total: Count,
  }),
});

function pathIn(home: string): string {
  return join(home, 'run', 'share-totals.json');
}

/** The totals that an earlier Node of the same boot saved; null when there are none. */
export async function readShareTotals(home: string, boot: string): Promise<ShareTotals | null> {
  const parse = (value: unknown): z.infer<typeof Saved> | null => z.safeParse(Saved, value).data ?? null;
  const saved = await readJsonTolerant(pathIn(home), parse);
  return saved?.boot === boot ? saved.totals : null;
}

/** Saves the totals, whole or not at all. */
export async function saveShareTotals(home: string, boot: string, totals: ShareTotals): Promise<void> {
  await writeFileDurable(pathIn(home), JSON.stringify({ boot, totals }));
}
