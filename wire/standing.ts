// Apart from the schemas: the relay needs it before the miner runs.
import type { VerdictName } from './verdict.ts';

/**
 * How a route with this verdict stands beside others: lower is tried first. What is not known stands between what works and what
 * works badly: a route is left for evidence, never for want of it.
 */
export function standing(verdict: VerdictName | null): number {
  switch (verdict) {
    case 'reachable':
    case 'reachable_stable':
      return 0;
    case null:
    case 'inconclusive':
    case 'worker_offline':
      return 1;
    case 'degraded':
      return 2;
    case 'pool_down':
    case 'pool_refuses':
      return 3;
    case 'blocked:dns':
    case 'blocked:tcp':
    case 'blocked:tls':
    case 'blocked:stratum':
    case 'blocked:throttled':
      return 4;
  }
}

/** Of a route through an export of frp: behind every direct one, but those that are blocked. */
export const EXPORT_STANDING = 3.5;

/** Whether two verdicts say the same of an endpoint: a second good run makes `reachable_stable` of `reachable`. */
export function isSameFinding(a: VerdictName, b: VerdictName): boolean {
  return a === b || (standing(a) === 0 && standing(b) === 0);
}
