import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePoolUrl, throughVisitors } from './pool-url.ts';

describe('parsePoolUrl', () => {
  it('takes a full address apart', () => {
    expect(parsePoolUrl('stratum+tcp://wallet.rig1:p%40ss@RU.Example.org:5030#RU,kz')).toEqual({
      pool: {
        scheme: 'stratum+tcp',
        host: 'ru.example.org',
        port: 5030,
        frp: null,
        login: 'wallet.rig1',
        password: 'p@ss',
        tls: null,
        proxy: null,
        dialect: null,
        tags: ['RU'],
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
    const parsed = parsePoolUrl('stratum+udp://:hunter2%@bad host:99999#Russia');
    expect(parsed).toHaveProperty('complaints.length', 5);
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
    expect(JSON.stringify(parsed)).toContain('stratum+udp is not supported');
  });

  it('takes the name of an export through frp in place of host and port', () => {
    const parsed = parsePoolUrl('frp+stcp://wallet.rig:p%40ss@pool-a?dialect=kaspa#kz');
    const wanted = { scheme: 'frp+stcp', host: '127.0.0.1', port: 0, frp: 'pool-a', login: 'wallet.rig', tls: null };
    expect(parsed).toMatchObject({ pool: { ...wanted, dialect: 'kaspa', tags: ['RU'], url: 'frp+stcp://pool-a' } });
    const pools = 'pool' in parsed ? [parsed.pool] : [];
    expect(throughVisitors(pools, (name) => name.length)).toMatchObject([{ host: '127.0.0.1', port: 6 }]);
  });

  it.each([
    ['frp+stcp://', 'name of an export'],
    ['frp+stcp://pool-a:3333', 'name of an export'],
    ['frp+stcp://1pool', 'name of an export'],
    ['frp+stcp://pool.example.org', 'name of an export'],
    ['frp+stcp://pool-a?sni=none', 'need stratum+ssl'],
    ['frp+stcp://pool-a?socks5=proxy:1080', 'through frp'],
  ])('refuses %s', (text, word) => {
    expect(JSON.stringify(parsePoolUrl(text))).toContain(word);
  });

  const KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
  const anyTls = { sni: 'pool.example', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', pins: [] };

  it.each([
    ['ssl://pool.example:1', { tls: anyTls }],
    ['stratum+tls://pool.example:1/?tls=1.2', { tls: { ...anyTls, maxVersion: 'TLSv1.2' } }],
    ['stratum+ssl://pool.example:1?tls=1.3#RU', { tls: { ...anyTls, minVersion: 'TLSv1.3' }, tags: ['RU'] }],
    ['stratum+ssl://pool.example:1?sni=none&tls=1.2-1.3', { tls: { ...anyTls, sni: null } }],
    ['stratum+ssl://pool.example:1?sni=YA.ru', { tls: { ...anyTls, sni: 'ya.ru' } }],
    ['stratum+ssl://192.0.2.1:1', { tls: { ...anyTls, sni: null } }],
    [`ssl://pool.example:1?pin=${KEY},${KEY.slice(0, 43)}`, { tls: { ...anyTls, pins: [KEY, KEY] } }],
    ['tcp://pool:1?socks5=proxy:1080', { proxy: { host: 'proxy', port: 1080, login: null, password: null } }],
    [
      'tcp://w:p?p@pool:1?socks5=me:a%40b%23@[::1]:1080&dialect=kaspa#KZ',
      {
        login: 'w',
        password: 'p?p',
        proxy: { host: '::1', port: 1080, login: 'me', password: 'a@b#' },
        dialect: 'kaspa',
        tags: ['RU'],
      },
    ],
  ])('reads the options of %s', (text, wanted) => {
    expect(parsePoolUrl(text)).toMatchObject({ pool: wanted });
  });

  it.each([
    ['ssl://pool:1?sni=1.2.3.4', 'option sni'],
    ['ssl://pool:1?sni=', 'option sni'],
    ['ssl://pool:1?tls=1.1', 'option tls'],
    ['ssl://pool:1?tls=1.3-1.2', 'option tls'],
    ['ssl://pool:1?pin=abc', 'option pin'],
    [`ssl://pool:1?pin=${KEY},`, 'option pin'],
    ['tcp://pool:1?tls=1.2', 'need stratum+ssl'],
    ['tcp://pool:1?socks5=hunter2@proxy:1080', 'option socks5'],
    ['tcp://pool:1?socks5=a:@proxy:1080', 'option socks5'],
    [`tcp://pool:1?socks5=a:${'x'.repeat(256)}@proxy:1080`, 'option socks5'],
    ['tcp://pool:1?socks5=proxy', 'option socks5'],
    ['tcp://pool:1?dialect=unknown', 'option dialect'],
    ['tcp://pool:1?dialect=kaspa&dialect=kaspa', 'twice'],
    ['tcp://w:x?hunter2=1@pool:1', 'is unknown'],
  ])('refuses %s', (text, word) => {
    const parsed = parsePoolUrl(text);
    expect(parsed).toHaveProperty('complaints');
    expect(JSON.stringify(parsed)).toContain(word);
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
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
