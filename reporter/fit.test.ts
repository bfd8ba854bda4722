import { afterEach, describe, expect, it } from 'vitest';
import { forgetSecrets, registerSecret } from '../platform/secrets.ts';
import * as fit from './fit.ts';

afterEach(forgetSecrets);

describe('fit', () => {
  it('makes null of what is no amount', () => {
    expect([0, 1.5, -1, NaN, Infinity, null].map((v) => fit.amount(v))).toEqual([0, 1.5, null, null, null, null]);
    expect([0, 1.9, -1, NaN, 2 ** 60, null].map((v) => fit.count(v))).toEqual([0, 1, null, null, null, null]);
  });

  it('strips escapes, controls and invisible characters from a line, and cuts it', () => {
    expect(fit.logLine('\u001b[32mok\u001b[0m\t1\u0007\u202egnp\r')).toBe('ok 1gnp ');
    expect(fit.logLine('\u001b]0;title\u0007text')).toBe('text');
    expect(fit.logLine('x'.repeat(500))).toHaveLength(400);
    expect(fit.logLine('x'.repeat(399) + '😀').isWellFormed()).toBe(true);
    expect(fit.name('  ')).toBeNull();
  });

  it('removes a secret that lies across the cut, and one with an escape inside', () => {
    registerSecret('hunter2secret');
    expect(fit.logLine('x'.repeat(395) + 'hunter2secret')).toBe('x'.repeat(395) + '***');
    expect(fit.logLine('hunter2\u001b[1msecret')).toBe('***');
  });

  it('keeps the newest lines of a long list', () => {
    const lines = fit.logLines(Array.from({ length: 100 }, (_, i) => `line ${i}`));
    expect(lines).toHaveLength(60);
    expect(lines.at(-1)).toBe('line 99');
  });
});
