import { describe, expect, it } from 'vitest';
import { StallWatch } from './stall-watch.ts';

function watched(): StallWatch {
  const watch = new StallWatch(1000);
  for (const ms of [1500, 3000, 9000]) watch.heard(ms);
  return watch;
}

describe('a connection to a pool that died', () => {
  it('in silence tells bytes, messages, age, how idle it was, and what was not acknowledged', () => {
    const watch = watched();
    watch.acked({ tx_unacked_bytes: 120, retransmits: 5 });
    expect(watch.end({ failure: 'generic_timeout_error', rawBytes: 1200, askedMs: 11_000, nowMs: 31_000 })).toEqual({
      ...{ raw_bytes: 1200, packets: null, messages: 3, age_ms: 30_000, idle_ms: 2000, end: 'silence' },
      ...{ tx_unacked_bytes: 120, retransmits: 5 },
    });
  });

  it('by a reset or an end of the pool’s, when nothing waited for an answer', () => {
    const end = { rawBytes: 10, askedMs: null, nowMs: 10_000 };
    expect(watched().end({ ...end, failure: 'connection_reset' })).toMatchObject({ end: 'rst', idle_ms: null });
    expect(watched().end({ ...end, failure: 'eof_error' })).toMatchObject({ end: 'fin', tx_unacked_bytes: null });
  });

  it('is no stall when the miner left or a page came', () => {
    for (const failure of [null, 'json_parse_error'] as const)
      expect(watched().end({ failure, rawBytes: 10, askedMs: null, nowMs: 10_000 })).toBeNull();
  });

  it('forgets what was not acknowledged once the pool speaks again', () => {
    const watch = watched();
    watch.acked({ tx_unacked_bytes: 120, retransmits: 5 });
    watch.heard(12_000);
    expect(
      watch.end({ failure: 'connection_reset', rawBytes: 10, askedMs: null, nowMs: 13_000 })?.retransmits,
    ).toBeNull();
  });
});
