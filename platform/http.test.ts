import * as http from 'node:http';
import * as https from 'node:https';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { execa } from 'execa';
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

it('speaks to the same server elsewhere: its Host, its name in TLS, its certificate', async () => {
  const { key, cert, spki_sha256: pin } = await makeCertificate('collector.test');
  const names: (string | false | null)[] = [];
  const server = https.createServer({ key, cert }, (req, res) => res.end(req.headers.host));
  server.on('secureConnection', (socket) =>
    names.push((socket as TLSSocket & { servername: string | false }).servername),
  );
  const connectTo = { host: '127.0.0.1', port: await listen(server) };
  const ask = (url: string, pins: string[]) =>
    httpRequest({ url, connectTo, timeoutMs: 5000, maxBytes: 100, pinSha256: pins });
  expect((await ask('https://collector.test:8480/v1', [pin])).body.toString()).toBe('collector.test:8480');
  expect((await ask('https://203.0.113.5/', [pin])).body.toString()).toBe('203.0.113.5');
  expect(names).toEqual(['collector.test', false]);
  await expect(ask('https://collector.test:8480/', [])).rejects.toMatchObject({ code: 'http_failed' });
  const plain = { host: '127.0.0.1', port: await listen(http.createServer((req, res) => res.end(req.headers.host))) };
  const answer = await httpRequest({ url: 'http://c.test:81/', connectTo: plain, timeoutMs: 5000, maxBytes: 100 });
  expect(answer.body.toString()).toBe('c.test:81');
});

it('checks the certificate by the server’s own name, wherever it is reached', async () => {
  const { key, cert } = await makeCertificate('collector.test');
  const port = await listen(https.createServer({ key, cert }, (_req, res) => res.end('in')));
  const script = `import { httpRequest } from ${JSON.stringify(join(import.meta.dirname, 'http.ts'))};
    for (const name of ['collector.test', 'other.test', '127.0.0.1']) {
      const asked = httpRequest({ url: 'https://' + name + '/', connectTo: { host: '127.0.0.1', port: ${port} }, timeoutMs: 5000, maxBytes: 100 });
      console.log(await asked.then((answer) => answer.body.toString(), (error) => error.cause?.code));
    }`;
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-http-'));
  try {
    await writeFile(join(dir, 'ca.pem'), cert);
    const env = { NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem') };
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], { env });
    expect(stdout.split('\n')).toEqual(['in', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_TLS_CERT_ALTNAME_INVALID']);
  } finally {
    await rm(dir, { recursive: true });
  }
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
