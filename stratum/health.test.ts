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
});
