// One report from a worker that cannot run: its settings are wrong, and the owner cannot read the container's output.
import { join } from 'node:path';
import { scrubDeep } from '../platform/secrets.ts';
import { WORD_FIELDS } from '../wire/word-fields.ts';
import { lifecycleRecord } from './lifecycle.ts';
import type { EventInput } from './run-view.ts';
import { openSpool } from './spool/spool.ts';
import { Uplink, type UplinkOptions } from './uplink.ts';

/** Spools the events as one report and sends what it can within `deadlineMs`; what is left is sent by a later start. */
export async function tellOnce(
  o: Omit<UplinkOptions, 'spool' | 'onEvent'> & { home: string; boot: string },
  events: readonly EventInput[],
  deadlineMs: number,
): Promise<void> {
  const spool = await openSpool({ dir: join(o.home, 'spool'), boot: o.boot, onLoss: () => undefined });
  const records = events.map((e) => lifecycleRecord(e, o.clock.nowMs()));
  await spool.append(scrubDeep(records, WORD_FIELDS));
  const uplink = new Uplink({ ...o, spool, onEvent: () => undefined });
  await uplink.finish(deadlineMs);
  await spool.close();
}
