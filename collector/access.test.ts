import { describe, expect, it } from 'vitest';
import { fakeCollector, settingsOf } from '../test/fakes/collector.ts';
import { ErrorBody } from '../wire/envelope.ts';
import { SESSION_COOKIE, SESSION_S } from './access.ts';

const ADMIN = 'an-admin-token-of-some-length';
const READER_PATHS = [
  '/',
  '/metrics',
  '/api/v1/workers',
  '/api/v1/workers/rig-1',
  '/api/v1/events',
  '/api/v1/reachability',
];
const page = [{ path: '/', type: 'text/html; charset=utf-8', etag: '"e"', bytes: Buffer.from('<!doctype html>page') }];

describe('on loopback without an admin token', () => {
  it('answers local programs', async () => {
    await using collector = await fakeCollector({ page });
    for (const host of ['127.0.0.1:8480', 'localhost:8480', 'LOCALHOST:8480', '[::1]:8480', '127.3.2.1:8480']) {
      expect((await collector.get('/api/v1/workers', { host })).statusCode).toBe(200);
    }
  });

  it('refuses every reader path under a foreign Host (DNS rebinding)', async () => {
    await using collector = await fakeCollector({ page });
    const hosts = [
      'evil.example:8480',
      '127.0.0.1',
      '127.0.0.1:8481',
      'localhost.evil.example:8480',
      '127.0.0.1.nip.io:8480',
      '[::2]:8480',
      '10.0.0.1:8480',
    ];
    for (const url of READER_PATHS) {
      for (const host of hosts) {
        const answer = await collector.get(url, { host });
        expect([url, host, answer.statusCode, ErrorBody.parse(answer.json()).error]).toEqual([
          url,
          host,
          403,
          'host_refused',
        ]);
      }
    }
    expect((await collector.get('/healthz', { host: 'anything' })).statusCode).toBe(200);
  });

  it('refuses what a page of another site makes a browser send', async () => {
    await using collector = await fakeCollector({ page });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await collector.get('/api/v1/workers', headers)).statusCode;
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await status({ 'sec-fetch-site': 'none' })).toBe(200);
    expect(await status({ origin: 'http://127.0.0.1:8480' })).toBe(200);
  });

  it('leads /login to the page', async () => {
    await using collector = await fakeCollector({ page });
    const answer = await collector.get('/login');
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/']);
  });
});

describe('with an admin token', () => {
  const settings = settingsOf(['--listen', '0.0.0.0:8480', '--insecure-http'], { SPOTRIG_ADMIN_TOKEN: ADMIN });
  const login = (token: string, headers: Record<string, string> = {}) => ({
    method: 'POST' as const,
    url: '/login',
    headers: { host: 'c.example', 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams({ token }).toString(),
  });

  it('wants it for every reader path, whatever the Host', async () => {
    await using collector = await fakeCollector({ settings, page });
    await collector.app.ready();
    for (const url of [...READER_PATHS, '/api/v1/workers/rig-1/series']) {
      for (const authorization of ['', 'Bearer wrong', `Bearer ${collector.token()}`, `Basic ${ADMIN}`]) {
        const answer = await collector.get(url, { host: 'c.example', authorization });
        expect([url, answer.statusCode, ErrorBody.parse(answer.json()).error]).toEqual([
          url,
          401,
          'admin_token_needed',
        ]);
      }
      const good = await collector.get(url, { host: 'c.example', authorization: `Bearer ${ADMIN}` });
      expect([200, 404]).toContain(good.statusCode);
    }
  });

  it('is no worker token', async () => {
    await using collector = await fakeCollector({ settings });
    expect((await collector.report({ worker: 'rig-1' }, ADMIN)).statusCode).toBe(401);
  });

  it('leads a browser to the form, and the form to a session that is not the token', async () => {
    await using collector = await fakeCollector({ settings, page });
    const first = await collector.get('/', { accept: 'text/html,*/*' });
    expect([first.statusCode, first.headers.location]).toEqual([303, '/login']);
    expect((await collector.get('/login')).headers['content-security-policy']).toContain("form-action 'self'");

    const signed = await collector.app.inject(login(ADMIN));
    expect([signed.statusCode, signed.headers.location]).toEqual([303, '/']);
    const cookie = String(signed.headers['set-cookie']);
    expect(cookie).toMatch(/; HttpOnly/);
    expect(cookie).toMatch(/; SameSite=Strict/);
    expect(cookie).not.toContain(ADMIN);

    const value = signed.cookies[0]?.value ?? '';
    const read = async (session: string): Promise<number> =>
      (await collector.get('/api/v1/workers', { cookie: `${SESSION_COOKIE}=${session}` })).statusCode;
    expect(await read(value)).toBe(200);
    const [expires = '', mac = ''] = value.split('.');
    for (const forged of [
      '',
      'x',
      `${Number(expires) + 1}.${mac}`,
      `${expires}.`,
      `${expires}.${mac}A`,
      `0${expires}.${mac}`,
    ]) {
      expect(await read(forged)).toBe(401);
    }
    await collector.clock.advance(SESSION_S * 1000 + 1000);
    expect(await read(value)).toBe(401);
  });

  it('shows a browser the form again, with what was wrong', async () => {
    await using collector = await fakeCollector({ settings, page });
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await collector.app.inject(login('guess', { accept: 'text/html' })));
    expect([answers[0]?.statusCode, answers[0]?.headers['set-cookie']]).toEqual([401, undefined]);
    expect(answers[0]?.body).toContain('this is not the admin token');
    expect([answers[5]?.statusCode, answers[5]?.headers['retry-after']]).toEqual([429, '12']);
    expect(answers[5]?.body).toContain('wait 12 s');
  });

  it('signs out', async () => {
    await using collector = await fakeCollector({ settings, page });
    const answer = await collector.app.inject({ method: 'POST', url: '/logout' });
    expect([answer.statusCode, answer.cookies[0]?.value]).toEqual([303, '']);
  });

  it('bounds guesses, and takes no form of another site', async () => {
    await using collector = await fakeCollector({ settings, page });
    expect((await collector.app.inject(login(ADMIN, { origin: 'https://evil.example' }))).statusCode).toBe(403);
    const statuses = [];
    for (let i = 0; i < 7; i++) statuses.push((await collector.app.inject(login(`guess ${i}`))).statusCode);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect((await collector.app.inject(login(ADMIN))).statusCode).toBe(429);
    await collector.clock.advance(60_000);
    expect((await collector.app.inject(login(ADMIN))).statusCode).toBe(303);
  });
});

describe('behind a trusted proxy', () => {
  it('wants https from it, and believes nobody else about it', async () => {
    const settings = settingsOf(['--trust-proxy', '10.0.0.0/8'], { SPOTRIG_ADMIN_TOKEN: ADMIN });
    await using collector = await fakeCollector({ settings, page });
    const status = async (remoteAddress: string, proto: string): Promise<number> => {
      const headers = { authorization: `Bearer ${ADMIN}`, 'x-forwarded-proto': proto };
      return (await collector.app.inject({ url: '/api/v1/workers', remoteAddress, headers })).statusCode;
    };
    expect(await status('10.1.2.3', 'https')).toBe(200);
    expect(await status('10.1.2.3', 'http')).toBe(403);
    expect(await status('192.0.2.1', 'https')).toBe(403);
  });
});

describe('every answer', () => {
  it('carries the headers that keep worker text from becoming a page', async () => {
    await using collector = await fakeCollector({ page });
    for (const url of ['/', '/api/v1/workers', '/api/v1/workers/none', '/metrics']) {
      const { headers } = await collector.get(url);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
          "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
      );
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    }
    expect((await collector.get('/api/v1/workers')).headers['cache-control']).toBe('no-store');
    expect((await collector.get('/nowhere')).statusCode).toBe(404);
  });
});
