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

export const Verdict = z.object({
  verdict: z.enum(VERDICTS),
  layer: z.nullable(z.enum(['dns', 'tcp', 'tls', 'stratum', 'transfer'])),
  method: z.nullable(z.enum(['rst', 'timeout', 'icmp', 'alert', 'mitm', 'page', 'freeze', 'slow', 'lie'])),
  scope: z.nullable(z.enum(['endpoint', 'port', 'host', 'prefix', 'asn', 'all_foreign'])),
  confidence: Amount.check(z.maximum(1)),
  evidence: z.array(Detail).check(z.maxLength(20)),
});
export type Verdict = z.infer<typeof Verdict>;
