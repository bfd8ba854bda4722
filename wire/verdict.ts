// Verdicts on reachability, as the API and the page see them. They are drawn by a pure function from stored samples.
import * as z from 'zod/mini';
import { Amount, Detail } from './fields.ts';

export const VERDICTS = [
  'reachable',
  'reachable_stable',
  'degraded',
  'worker_offline',
  'pool_down',
  'pool_refuses',
  'blocked:dns',
  'blocked:tcp',
  'blocked:tls',
  'blocked:stratum',
  'blocked:throttled',
  'inconclusive',
] as const;

/** What a reader should know beside the verdict's name (facts/censorship.md section 3.3). */
export const VERDICT_FLAGS = [
  /** The worker reaches it and the control does not: the control's line or the pool's rule for it is at fault. */
  'control_broken',
  'dns_interference',
  'captive_portal',
  /** Only sites of the state's allow-list answer. */
  'allow_list',
  /** The path is fine, the login is not. */
  'auth_error',
  'ip_ban',
  /** The middle of a path loses large packets. */
  'pmtu',
  'residual',
  /** No outside control was at hand: the evidence proves itself. */
  'self_proven',
] as const;

export const Verdict = z.object({
  verdict: z.enum(VERDICTS),
  layer: z.nullable(z.enum(['dns', 'tcp', 'tls', 'stratum', 'transfer'])),
  method: z.nullable(z.enum(['rst', 'timeout', 'icmp', 'alert', 'fin', 'mitm', 'page', 'freeze', 'slow', 'lie'])),
  scope: z.nullable(z.enum(['endpoint', 'port', 'host', 'prefix', 'asn', 'all_foreign'])),
  flags: z.array(z.enum(VERDICT_FLAGS)).check(z.maxLength(VERDICT_FLAGS.length)),
  confidence: Amount.check(z.maximum(1)),
  evidence: z.array(Detail).check(z.maxLength(20)),
});
export type Verdict = z.infer<typeof Verdict>;
export type VerdictName = (typeof VERDICTS)[number];
