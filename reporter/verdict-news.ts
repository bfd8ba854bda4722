// What the owner hears of verdicts as events: a route that turned out blocked, one that is free again, a name that had to be repaired.
// Each once: the same verdict comes every quarter of an hour.
import type { ReachabilityRecord } from '../wire/reachability.ts';
import type { LifecycleEvent } from '../wire/records.ts';
import type { EventInput } from './run-view.ts';

/** Names of the events of a role; those of baselines and frps are not told. */
const NAMES: Partial<Record<ReachabilityRecord['target']['role'], { blocked: LifecycleEvent; free: LifecycleEvent }>> =
  {
    pool: { blocked: 'pool_blocked', free: 'pool_unblocked' },
    collector: { blocked: 'collector_blocked', free: 'collector_unblocked' },
  };

export class VerdictNews {
  /** By target: the blocked verdict that was told last. */
  readonly #told = new Map<string, string>();
  readonly #repaired = new Set<string>();

  /** The event of this record; null for what was told before, and for verdicts that are neither blocked nor good. */
  of({ target, verdict }: ReachabilityRecord): EventInput | null {
    const names = NAMES[target.role];
    if (names === undefined || verdict === null) return null;
    const told = this.#told.get(target.url);
    if (verdict.verdict.startsWith('blocked:')) {
      if (told === verdict.verdict) return null;
      this.#told.set(target.url, verdict.verdict);
      const method = verdict.method === null ? '' : ` by ${verdict.method}`;
      const why = verdict.evidence.slice(0, 3).join(' ');
      const detail = `${target.url}: ${verdict.verdict}${method}, confidence ${verdict.confidence.toFixed(2)}. ${why}`;
      return { event: names.blocked, level: 'warn', detail };
    }
    if (told === undefined || (verdict.verdict !== 'reachable' && verdict.verdict !== 'reachable_stable')) return null;
    this.#told.delete(target.url);
    return { event: names.free, level: 'info', detail: `${target.url} is reached again; it was ${told}` };
  }

  /** The event of an endpoint that is dialled by the control's addresses from now on, or by its name again; null = as before. */
  ofPins(url: string, addresses: readonly string[]): EventInput | null {
    if (addresses.length === 0) {
      if (!this.#repaired.delete(url)) return null;
      return { event: 'pool_dns_repaired', level: 'info', detail: `${url}: its name leads to the right place again` };
    }
    if (this.#repaired.has(url)) return null;
    this.#repaired.add(url);
    const detail = `${url}: its name leads astray here, so it is dialled at ${addresses.join(', ')}, as controls know it`;
    return { event: 'pool_dns_repaired', level: 'warn', detail };
  }
}
