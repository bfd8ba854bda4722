import { describe, expect, it } from 'vitest';
import { LiveProxies } from './live-proxies.ts';

describe('live proxies', () => {
  it('are counted by name, without those that are asked about', () => {
    const live = new LiveProxies();
    live.heard('run-1', 0);
    for (const name of ['w.a', 'w.b', 'w.a']) live.opened('w', name, 'run-1');
    expect([live.others('w', [], 1), live.others('w', ['w.a'], 1), live.others('v', [], 1)]).toEqual([2, 1, 0]);
    live.closed('w', 'w.a', 'run-1');
    expect(live.others('w', [], 1)).toBe(1);
  });

  it('are not closed by the end of an older session', () => {
    const live = new LiveProxies();
    live.heard('run-2', 0);
    live.opened('w', 'w.a', 'run-1');
    live.opened('w', 'w.a', 'run-2');
    live.closed('w', 'w.a', 'run-1');
    expect(live.others('w', [], 1)).toBe(1);
  });

  it('of a session that fell silent count no more', () => {
    const live = new LiveProxies();
    live.heard('run-1', 0);
    live.opened('w', 'w.a', 'run-1');
    live.heard('run-1', 60_000);
    expect(live.others('w', [], 180_000)).toBe(1);
    expect(live.others('w', [], 180_001)).toBe(0);
  });
});
