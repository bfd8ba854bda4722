import { describe, expect, it } from 'vitest';
import { printableUrl, redirectTarget } from './http-body.ts';

describe('redirectTarget', () => {
  it('resolves against where it came from', () => {
    const from = new URL('https://github.com/a/b');
    expect(redirectTarget(from, '/c').href).toBe('https://github.com/c');
    expect(redirectTarget(from, 'https://store.example/x?sig=1').href).toBe('https://store.example/x?sig=1');
  });

  it('lets http go up to https, never down', () => {
    expect(redirectTarget(new URL('http://m.example/'), 'https://m.example/').protocol).toBe('https:');
    expect(() => redirectTarget(new URL('https://m.example/'), 'http://m.example/x?key=1')).toThrow(
      'redirect from https to http://m.example/x refused',
    );
  });

  it.each(['file:///etc/passwd', 'ftp://x/', 'http://['])('leads nowhere: %j', (location) => {
    expect(() => redirectTarget(new URL('http://m.example/'), location)).toThrow('not an http or https address');
  });
});

describe('printableUrl', () => {
  it('leaves login and query out', () => {
    expect(printableUrl('https://user:pass@m.example:8443/a/b?token=1#x')).toBe('https://m.example:8443/a/b');
    expect(printableUrl('::')).toBe('not an address');
  });
});
