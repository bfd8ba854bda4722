// POST /v1/control: a worker asks the collector how an endpoint looks from outside. It names entries of the operator's
// collector.toml by their address; anything else is `unlisted`, and no address that a worker sends is ever dialled.
import * as z from 'zod/mini';
import { Failure, Operation } from './failure.ts';
import { Amount, Count, EndpointUrl, Name, UnixMs } from './fields.ts';
import { ControlSample, Network } from './reachability.ts';

export { ControlSample } from './reachability.ts';

/** Entries in one request. */
export const CONTROL_ENTRIES_MAX = 16;
/** A control measurement older than this tells nothing any more (facts/censorship.md section 3.2). */
export const CONTROL_FRESH_MS = 300_000;

export const ControlRequest = z.object({
  v: z.literal(1),
  /** `scheme://host:port` as in the settings, without login, options and tags. */
  entries: z.array(EndpointUrl).check(z.minLength(1), z.maxLength(CONTROL_ENTRIES_MAX)),
});
export type ControlRequest = z.infer<typeof ControlRequest>;

/** The same endpoint as another network's workers saw it last: an inside control. */
export const InsideControl = z.object({
  network: Name,
  country: z.nullable(Name),
  at_ms: UnixMs,
  operation: z.nullable(Operation),
  failure: z.nullable(Failure),
  /** From the first step to the failure. */
  ms: z.nullable(Amount),
});
export type InsideControl = z.infer<typeof InsideControl>;

export const ControlAnswer = z.object({
  v: z.literal(1),
  /** The collector's clock. */
  now_ms: UnixMs,
  /** The asker as the collector sees him. */
  network: Network,
  /** An entry that is neither here nor unlisted is still being measured: ask again. */
  samples: z.array(ControlSample).check(z.maxLength(CONTROL_ENTRIES_MAX)),
  /** Entries that collector.toml does not have. */
  unlisted: z.array(EndpointUrl).check(z.maxLength(CONTROL_ENTRIES_MAX)),
  /** By entry; workers of the asker's own network and host are left out. */
  inside: z
    .array(z.object({ entry: EndpointUrl, controls: z.array(InsideControl).check(z.maxLength(8)) }))
    .check(z.maxLength(CONTROL_ENTRIES_MAX)),
});
export type ControlAnswer = z.infer<typeof ControlAnswer>;

/** Answer to `POST /v1/bulk`: bytes that arrived. `GET /v1/bulk?bytes=N` answers N random bytes. */
export const BulkAck = z.object({ bytes: Count });
export type BulkAck = z.infer<typeof BulkAck>;
