// What crosses the network between worker and collector.
import * as z from 'zod/mini';
import { BootId, Count, Name, UnixMs, WorkerName } from './fields.ts';
import { RECORDS_MAX } from './limits.ts';
import { WireRecord } from './records.ts';

/** The version of the wire. A body with another `v` is refused with 422 and changes nothing. */
export const WIRE_VERSION = 1;

/** Body of `POST /v1/reports` (JSON, gzip). (worker, boot, seq) makes it idempotent; `sentAt` is of this try to send it. */
export const Envelope = z.object({
  v: z.literal(WIRE_VERSION),
  worker: WorkerName,
  boot: BootId,
  seq: Count,
  sentAt: UnixMs,
  records: z.array(WireRecord).check(z.minLength(1), z.maxLength(RECORDS_MAX)),
});
export type Envelope = z.infer<typeof Envelope>;

/** 200 answer: the report is stored (now, or already before). */
export const ReportAck = z.object({ acked: Count });
export type ReportAck = z.infer<typeof ReportAck>;

/** Body of `POST /v1/hello`, sent by the head (before Node) and so kept tiny: a stage that began or failed. */
export const Hello = z.object({
  worker: WorkerName,
  stage: z.string().check(z.regex(/^[a-z][a-z0-9_]{0,31}$/)),
  code: Count.check(z.maximum(255)),
});
export type Hello = z.infer<typeof Hello>;

/** Every refusal of the collector: `error` is a stable code, `message` says what and how to mend it, `field` where. */
export const ErrorBody = z.object({
  error: Name,
  message: z.string().check(z.maxLength(1000)),
  field: z.optional(z.string().check(z.maxLength(200))),
});
export type ErrorBody = z.infer<typeof ErrorBody>;
