// The share meter's state on disk, so that a killed Node forgets no share: totals and the window of the running report go on.
import { join } from 'node:path';
import { readStateSlot, StateSlot } from '../platform/state-slot.ts';
import type { MeterState } from '../stratum/share-meter.ts';
import type { SavedMeter } from './meter-schema.ts';

/** Opens it for a Node of this boot. Throws system errors. */
export function openMeterState(home: string, boot: string): { write(state: SavedMeter): void } {
  return new StateSlot(pathIn(home), boot);
}

/** The state that an earlier Node of the same boot left, and how long ago (ms); null when there is none. */
export async function readMeterState(
  home: string,
  boot: string,
  nowMs: number,
): Promise<{ state: MeterState; since_ms: number } | null> {
  const found = readStateSlot(pathIn(home), boot);
  if (found === null) return null;
  // Loaded only by a Node that follows another: a boot's first does not wait for it.
  const { parseSavedMeter } = await import('./meter-schema.ts');
  const saved = parseSavedMeter(found);
  return saved === null ? null : { state: saved.state, since_ms: Math.max(0, nowMs - saved.saved_at_ms) };
}

function pathIn(home: string): string {
  return join(home, 'run', 'share-meter');
}
