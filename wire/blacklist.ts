// The owner's black list: servers and hosts that get no order any more. `npx spotrig blacklist` writes it, `order --blacklist` obeys it.
import * as z from 'zod/mini';
import { Detail } from './fields.ts';
import { HostId, ServerId } from './orders.ts';

/** Entries of each list. */
export const BLACKLIST_ENTRIES_MAX = 100_000;
/** Largest file, or answer of an address. */
export const BLACKLIST_MAX_BYTES = 32 * 1024 * 1024;

const reasoned = { reason: Detail, at: z.iso.datetime() };

export const Blacklist = z.object({
  v: z.literal(1),
  servers: z.array(z.object({ id: ServerId, ...reasoned })).check(z.maxLength(BLACKLIST_ENTRIES_MAX)),
  /** Owners of servers: the `host` of a snapshot, as text. */
  hosts: z.array(z.object({ id: HostId, ...reasoned })).check(z.maxLength(BLACKLIST_ENTRIES_MAX)),
});
export type Blacklist = z.infer<typeof Blacklist>;
