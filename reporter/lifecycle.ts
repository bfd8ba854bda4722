import type { LifecycleRecord } from '../wire/records.ts';
import * as fit from './fit.ts';
import type { EventInput } from './run-view.ts';

/** An event as the wire has it, every string cut to its limit. */
export function lifecycleRecord(event: EventInput, atMs: number): LifecycleRecord {
  return {
    kind: 'lifecycle',
    at_ms: atMs,
    event: event.event,
    level: event.level,
    detail: fit.detail(event.detail),
    exit_code: event.exit_code ?? null,
    signal: event.signal ?? null,
    log: fit.logLines(event.log ?? []),
  };
}
