import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePoolUrl } from './pool-url.ts';

describe('parsePoolUrl', () => {
  it('takes a full address apart', () => {
    expect(parsePoolUrl('stratum+tcp://wallet.rig1:p%40ss@RU.Example.org:5030#RU,kz')).toEqual({
      pool: {
        scheme: 'stratum+tcp',
        host: 'ru.example.org',
        port: 5030,
        login: 'wallet.rig1',
        password: 'p@ss',
        tags: ['RU', 'KZ'],
        url: 'stratum+tcp://ru.example.org:5030',
      },
    });
  });

  it.each([
    ['stratum+tcp://pool.example:1', 'pool.example', null, null],
    ['tcp://10.0.0.1:3333/', '10.0.0.1', null, null],
    ['stratum://[::1]:3333', '::1', null, null],
    ['stratum+tcp://w@[2001:db8::5]:3333', '2001:db8::5', 'w', null],
    ['stratum+tcp://w:a:b@c@pool:3333', 'pool', 'w', 'a:b@c'],
    ['stratum+tcp://w:@pool:3333', 'pool', 'w', ''],
    ['stratum+tcp://kaspa%3Aqq.r:x@pool:3333', 'pool', 'kaspa:qq.r', 'x'],
  ])('reads %s', (text, host, login, password) => {
    expect(parsePoolUrl(text)).toMatchObject({ pool: { host, login, password } });
  });

  it('brackets an IPv6 address again in the url that is shown', () => {
    expect(parsePoolUrl('tcp://w:secret@[::1]:3333')).toMatchObject({ pool: { url: 'stratum+tcp://[::1]:3333' } });
  });

  it('says all that is wrong at once, and no secret', () => {
    const parsed = parsePoolUrl('stratum+ssl://:hunter2%@bad host:99999#Russia');
    expect(parsed).toHaveProperty('complaints.length', 5);
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
    expect(JSON.stringify(parsed)).toContain('stratum+ssl is not supported');
  });

  it.each([
    '',
    'pool.example:3333',
    'stratum+tcp://pool.example',
    'stratum+tcp://:3333',
    'stratum+tcp://pool:0',
    'stratum+tcp://1.2.3.999:5',
    'stratum+tcp://::1:3333',
    'stratum+tcp://pool:3333/path',
    'stratum+tcp://@pool:3333',
    'stratum+tcp://a%0Ab@pool:3333',
    'constructor://pool:3333',
  ])('refuses %j', (text) => {
    expect(parsePoolUrl(text)).toHaveProperty('complaints');
  });

  it('brings back any login, and never throws', () => {
    const login = fc.string({ minLength: 1, unit: 'grapheme' }).filter((s) => !/\p{Cc}/u.test(s) && s.isWellFormed());
    fc.assert(
      fc.property(login, login, (user, pass) => {
        const text = `stratum+tcp://${encodeURIComponent(user)}:${encodeURIComponent(pass)}@pool:1`;
        expect(parsePoolUrl(text)).toMatchObject({ pool: { login: user, password: pass } });
      }),
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parsePoolUrl(text)));
  });
});
