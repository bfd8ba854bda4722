import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { BULK_MAX_BYTES } from '../../wire/limits.ts';

let collector: FakeCollector;
beforeEach(async () => {
  collector = await fakeCollector();
});
afterEach(() => collector[Symbol.asyncDispose]());

function get(query: string, worker = 'rig-1') {
  const headers = { authorization: `Bearer ${collector.token(worker)}`, 'accept-encoding': 'gzip, br' };
  return collector.app.inject({ url: `/v1/bulk${query}`, headers });
}

function post(payload: Buffer | string, headers: Record<string, string> = {}) {
  const all = { authorization: `Bearer ${collector.token()}`, 'content-type': 'application/octet-stream', ...headers };
  return collector.app.inject({ method: 'POST', url: '/v1/bulk', headers: all, payload });
}

describe('GET /v1/bulk', () => {
  it('sends as many bytes as are asked for, which nothing can squeeze', async () => {
    const answer = await get('?bytes=131072');
    expect([answer.statusCode, answer.rawPayload.length]).toEqual([200, 131_072]);
    expect(answer.headers).toMatchObject({ 'content-length': '131072', 'cache-control': 'no-store' });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(deflateSync(answer.rawPayload).length).toBeGreaterThan(131_000);
    expect((await get('?bytes=0')).rawPayload).toHaveLength(0);
    expect((await get(`?bytes=${BULK_MAX_BYTES}`)).rawPayload).toHaveLength(BULK_MAX_BYTES);
  });

  it.each([
    '',
    '?bytes=',
    '?bytes=-1',
    '?bytes=1e3',
    `?bytes=${BULK_MAX_BYTES + 1}`,
    '?bytes=1&bytes=2',
    '?bytes=0x10',
  ])('refuses %j', async (query) =>
    expect((await get(query)).json()).toMatchObject({ error: 'bad_request', field: 'bytes' }),
  );

  it('is for workers', async () => {
    expect((await collector.app.inject({ url: '/v1/bulk?bytes=1' })).statusCode).toBe(401);
    expect((await collector.app.inject({ method: 'POST', url: '/v1/bulk', payload: 'x' })).statusCode).toBe(401);
  });

  it('has a quota of bytes for each worker, which comes back with time', async () => {
    let refused: string | undefined;
    let sent = 0;
    for (; refused === undefined; sent++) {
      expect(sent).toBeLessThan(100);
      const answer = await get(`?bytes=${BULK_MAX_BYTES}`);
      if (answer.statusCode === 429) refused = String(answer.headers['retry-after']);
    }
    expect(sent).toBeGreaterThan(20);
    expect((await post('x'.repeat(BULK_MAX_BYTES))).statusCode).toBe(429);
    expect((await get('?bytes=1', 'rig-2')).statusCode).toBe(200);
    await collector.clock.advance(Number(refused) * 1000);
    expect((await get(`?bytes=${BULK_MAX_BYTES}`)).statusCode).toBe(200);
  });

  it('answers many small messages on one connection', async () => {
    await collector.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = collector.app.server.address() as AddressInfo;
    const headers = { authorization: `Bearer ${collector.token()}` };
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 60; i++) {
      const status = await new Promise((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port, path: '/v1/bulk?bytes=16', agent, headers }, (answer) => {
          ports.add(answer.socket.localPort);
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        asked.on('error', reject).end();
      });
      expect(status).toBe(200);
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe('POST /v1/bulk', () => {
  it('counts what arrives and keeps nothing', async () => {
    expect((await post(Buffer.alloc(131_072))).json()).toEqual({ bytes: 131_072 });
    expect((await post('')).json()).toEqual({ bytes: 0 });
    expect((await post(Buffer.alloc(BULK_MAX_BYTES))).json()).toEqual({ bytes: BULK_MAX_BYTES });
    // What the body says of itself does not matter: it is not read.
    expect((await post('{"not json', { 'content-type': 'application/json' })).json()).toEqual({ bytes: 10 });
    expect((await post(Buffer.alloc(100), { 'content-encoding': 'gzip' })).json()).toEqual({ bytes: 100 });
  });

  it('refuses more, by what is said and by what is sent', async () => {
    expect((await post(Buffer.alloc(BULK_MAX_BYTES + 1))).json()).toMatchObject({ error: 'too_large' });
    await collector.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = collector.app.server.address() as AddressInfo;
    const headers = { authorization: `Bearer ${collector.token()}`, 'transfer-encoding': 'chunked' };
    const status = await new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: '/v1/bulk', method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on('error', reject);
      for (let i = 0; i < 5; i++) asked.write(Buffer.alloc(65_536));
      asked.end();
    });
    expect(status).toBe(413);
  });
});
