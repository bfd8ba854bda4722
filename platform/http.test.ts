import * as http from 'node:http';
import * as https from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { makeCertificate } from '../test/fakes/certificate.ts';
import { openBody } from './http-body.ts';
import { httpRequest } from './http.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

it('sends a body and gives status, headers and body', async () => {
  const port = await listen(
    http.createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (c: Buffer) => chunks.push(c));
      req.on('end', () =>
        res
          .writeHead(201, { 'x-a': 'b' })
          .end([req.method, req.headers['x-q'], Buffer.concat(chunks).toString()].join(' ')),
      );
    }),
  );
  const answer = await httpRequest({
    url: `http://127.0.0.1:${port}/`,
    body: 'hi',
    headers: { 'x-q': '1' },
    timeoutMs: 5000,
    maxBytes: 100,
  });
  expect([answer.status, answer.headers['x-a'], answer.body.toString()]).toEqual([201, 'b', 'POST 1 hi']);
});

it('names what went wrong: too large, too slow, cut off, refused, no address', async () => {
  const port = await listen(
    http.createServer((req, res) => {
      if (req.url === '/large') res.end('x'.repeat(1000));
      if (req.url === '/cut') {
        res.writeHead(200, { 'content-length': '100' }).write('half');
        setImmediate(() => res.destroy());
      }
      if (req.url === '/drip') res.write('x');
    }),
  );
  const get = (path: string) => httpRequest({ url: `http://127.0.0.1:${port}${path}`, timeoutMs: 300, maxBytes: 100 });
  await expect(get('/large')).rejects.toMatchObject({ code: 'http_too_large' });
  await expect(get('/hang')).rejects.toMatchObject({ code: 'http_timeout', retryable: true });
  await expect(get('/drip')).rejects.toMatchObject({ code: 'http_timeout' });
  await expect(get('/cut')).rejects.toMatchObject({ code: 'http_failed' });
  await expect(httpRequest({ url: 'http://127.0.0.1:1/', timeoutMs: 300, maxBytes: 1 })).rejects.toMatchObject({
    code: 'http_failed',
  });
  await expect(httpRequest({ url: 'file:///etc/passwd', timeoutMs: 300, maxBytes: 1 })).rejects.toMatchObject({
    code: 'http_bad_url',
  });
});

it('with a pin, takes a self-signed server by its key and sends nothing to another', async () => {
  const { key, cert, spki_sha256: pin } = await makeCertificate();
  let requests = 0;
  const port = await listen(
    https.createServer({ key, cert }, (_req, res) => {
      requests++;
      res.end('in');
    }),
  );
  const ask = (pins: string[]) =>
    httpRequest({ url: `https://127.0.0.1:${port}/`, body: 'secret', timeoutMs: 5000, maxBytes: 100, pinSha256: pins });
  expect((await ask([Buffer.alloc(32).toString('base64'), pin])).body.toString()).toBe('in');
  await expect(ask([Buffer.alloc(32).toString('base64')])).rejects.toMatchObject({ code: 'http_pin_mismatch' });
  await expect(ask([])).rejects.toMatchObject({ code: 'http_failed' });
  expect(requests).toBe(1);
});

it('ends also when the answer wants to speak another protocol', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    );
  });
  const url = `http://127.0.0.1:${await listen(server)}/`;
  await expect(httpRequest({ url, timeoutMs: 5000, maxBytes: 10 })).rejects.toMatchObject({ code: 'http_failed' });
  const signal = new AbortController().signal;
  await expect(openBody({ url, offset: 0, signal })).rejects.toMatchObject({ code: 'http_failed' });
});
