// The way through frp: what a worker, the collector (as frps's server plugin) and the owner's commands agree on.
// docs/design/009-frp.md tells how the pieces fit.
import * as z from 'zod/mini';
import { Amount, Count, Detail, EndpointUrl, UnixMs, WorkerName } from './fields.ts';
import { EGRESS_MAX } from './limits.ts';
import { FRP_RUNGS, FRP_SERVICE } from './frp-names.ts';

export const FrpRung = z.enum(FRP_RUNGS);

/** `ssh`, `miner`, `pool-a`: of a worker's exposed service, or of a target that the operator exports. */
export const FrpServiceName = z.string().check(z.regex(FRP_SERVICE));

const ExposedService = z.object({
  name: FrpServiceName,
  type: z.enum(['stcp', 'tcp']),
  /** Loopback port on the worker; null: the service has none yet (the miner's API before the miner's start). */
  local_port: z.nullable(Count),
  /** Of type tcp: the port at frps, once frps has given it. */
  remote_port: z.nullable(Count),
  /** `up`: frps took it. `refused`: it said why not, and is asked again. */
  state: z.enum(['up', 'waiting', 'refused']),
  reason: z.nullable(Detail),
});
export type ExposedService = z.infer<typeof ExposedService>;

/** The worker's tunnel at one moment: at every change, and now and then without one. */
export const FrpRecord = z.object({
  kind: z.literal('frp'),
  at_ms: UnixMs,
  /** `up`: the canary came back. `connecting`: some rung is being tried. `down`: none worked, a pause is on. */
  state: z.enum(['connecting', 'up', 'down']),
  /** `frp://host:port` of the frps in use, or tried last. */
  frps: z.nullable(EndpointUrl),
  rung: z.nullable(FrpRung),
  /** From the first attempt to the canary's return. */
  found_ms: z.nullable(Amount),
  /** Of the last canary that came back: bytes each way and how long they took. */
  canary_bytes: z.nullable(Count),
  canary_ms: z.nullable(Amount),
  exposed: z.array(ExposedService).check(z.maxLength(32)),
  /** Exported targets that this worker has a visitor for, and whether a connection through the visitor carried data last time. */
  egress: z.array(z.object({ name: FrpServiceName, ok: z.nullable(z.boolean()) })).check(z.maxLength(EGRESS_MAX)),
});
export type FrpRecord = z.infer<typeof FrpRecord>;

/** One way to an exposed service, as the owner's frpc needs it. Holds secrets: admin only, never on the page. */
const AttachService = z.object({
  name: FrpServiceName,
  type: z.enum(['stcp', 'tcp']),
  state: z.enum(['up', 'waiting', 'refused']),
  /** Of type stcp. */
  secret_key: z.nullable(z.string()),
  /** Of type tcp. */
  remote_port: z.nullable(Count),
});

/** `GET /api/v1/workers/{id}/attach` (admin): all that `spotrig connect` needs. */
export const AttachAnswer = z.object({
  worker: WorkerName,
  /** In the form of SPOTRIG_FRP, without the token; at least one. */
  frps: z.array(z.string()),
  /** frp's own token; null where frps has none. */
  token: z.nullable(z.string()),
  /** PEM of the authority that frps's certificate is checked with. */
  ca_pem: z.string(),
  /** frp user and ticket of the owner, good for a day. */
  user: z.string(),
  ticket: z.string(),
  services: z.array(AttachService),
});
export type AttachAnswer = z.infer<typeof AttachAnswer>;
