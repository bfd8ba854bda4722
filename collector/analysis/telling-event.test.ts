import { expect, it } from 'vitest';
import type { StoredEvent } from '../store/store.ts';
import { tellingEvent } from './telling-event.ts';

function at(at_ms: number, event: string, detail: string): StoredEvent {
  const record = {
    kind: 'lifecycle',
    at_ms,
    event,
    level: 'error',
    detail,
    exit_code: null,
    signal: null,
    log: [],
  } as const;
  return { worker: 'rig-1', boot: null, at_ms, record: { ...record, log: [] } };
}

it('prefers a complaint about the settings to the word that there was one', () => {
  const complaint = at(1000, 'settings_refused', 'SPOTRIG_ALGO is not set');
  const hello = at(1500, 'hello', 'stage settings failed with code 78');
  expect(tellingEvent([hello, complaint])).toBe(complaint);
  expect(tellingEvent([at(100_000, 'hello', 'stage settings failed with code 78'), complaint])?.record.event).toBe(
    'hello',
  );
  expect(tellingEvent([at(1600, 'hello', 'stage start'), complaint])?.record.event).toBe('hello');
  expect(tellingEvent([])).toBeNull();
});
