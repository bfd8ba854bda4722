import { describe, expect, it } from 'vitest';
import { EndpointHealth, HEALTH_TIMERS } from './health.ts';

const { calmMs, calmMaxMs, retryMs, retryMaxMs, servedMs } = HEALTH_TIMERS;

describe('EndpointHealth', () => {
  it('passes over an endpoint for longer with each failure in a row, and lets it be dialled sooner', () => {
    const health = new EndpointHealth();
    expect(health.isIll(0)).toBe(false);
    health.failed(0, 'connection_refused');
    expect(health).toMatchObject({ trouble: 'connection_refused', illUntilMs: calmMs, retryAtMs: 0, sinceMs: 0 });
    health.failed(10, 'connection_refused');
    expect(health).toMatchObject({ illUntilMs: 10 + 2 * calmMs, retryAtMs: 10 + retryMs, sinceMs: 0 });
    for (let i = 0; i < 2000; i += 1) health.failed(20, 'eof_error');
    expect(health).toMatchObject({ illUntilMs: 20 + calmMaxMs, retryAtMs: 20 + retryMaxMs, sinceMs: 20 });
  });

  it('is well at once when it serves, but not sure of it before it has served long', () => {
    const health = new EndpointHealth();
    health.failed(0, 'connection_refused');
    health.served(5);
    expect(health).toMatchObject({ trouble: null, sinceMs: 5 });
    expect(health.isIll(5)).toBe(false);
    health.ended(10, 5, 'connection_reset');
    expect(health.illUntilMs).toBe(10 + 2 * calmMs);
    health.served(20);
    health.ended(20 + calmMs, calmMs, 'eof_error');
    health.failed(30 + calmMs, 'eof_error');
    expect(health.illUntilMs).toBe(30 + 2 * calmMs);
  });

  it('begins to count anew after it served for long, however it fails then', () => {
    const health = new EndpointHealth();
    for (let i = 0; i < 5; i += 1) health.failed(i, 'connection_refused');
    health.served(10);
    health.failed(10 + calmMs, 'silent');
    expect(health.illUntilMs).toBe(10 + 2 * calmMs);
    health.served(20 + calmMs);
    health.failed(19 + 2 * calmMs, 'silent');
    expect(health.illUntilMs).toBe(19 + 4 * calmMs);
  });

  it('forgives one end of a long session within the calm time', () => {
    const health = new EndpointHealth();
    health.ended(0, servedMs, 'eof_error');
    expect(health.isIll(0)).toBe(false);
    expect(health.trouble).toBe('eof_error');
    health.ended(calmMs - 1, servedMs, 'eof_error');
    expect(health.isIll(calmMs - 1)).toBe(true);
    const later = new EndpointHealth();
    later.ended(0, servedMs, 'eof_error');
    later.ended(calmMs, servedMs, 'eof_error');
    expect(later.isIll(calmMs)).toBe(false);
    later.ended(calmMs + 1, servedMs - 1, 'eof_error');
    expect(later.isIll(calmMs + 1)).toBe(true);
  });

  it('is tried before its time when it measured well since it failed, but not again and again', () => {
    const health = new EndpointHealth();
    for (const ms of [0, 10, 20]) health.failed(ms, 'connection_reset');
    health.measuredWell(100, 20);
    expect(health.isIll(100)).toBe(true);
    health.measuredWell(100, 21);
    expect([health.isIll(100), health.retryAtMs]).toEqual([false, -Infinity]);
    health.failed(200, 'connection_reset');
    expect(health.illUntilMs).toBe(200 + 8 * calmMs);
    health.measuredWell(300, 250);
    expect(health.isIll(300)).toBe(true);
    const later = 100 + calmMaxMs;
    health.failed(later - 1, 'connection_reset');
    health.measuredWell(later, later);
    expect(health.isIll(later)).toBe(false);
  });
});
