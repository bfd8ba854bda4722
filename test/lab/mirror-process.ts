// A mirror as a process, because it lives in a network namespace: argv[2] = folder, argv[3] = address, argv[4] = folder of key.pem and
// cert.pem. Port 8080 speaks http, 8443 https; "ready", then a line per request: scheme, path, range.
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';

const [folder = '', address = '', keys = ''] = process.argv.slice(2);

async function answer(scheme: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '/', headers } = request;
  process.stdout.write(`${scheme} ${url} ${headers.range ?? '-'}\n`);
  const whole = /^\/[\w./-]+$/.test(url) ? await readFile(join(folder, url)).catch(() => null) : null;
  if (whole === null) {
    response.writeHead(404).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  const start = Number(first ?? 0);
  const end = last === undefined || last === '' ? whole.length : Math.min(whole.length, Number(last) + 1);
  const range = { 'content-range': `bytes ${start}-${end - 1}/${whole.length}` };
  response.writeHead(first === undefined ? 200 : 206, {
    'content-length': end - start,
    ...(first === undefined ? {} : range),
  });
  response.end(whole.subarray(start, end));
}

const tls = { key: await readFile(join(keys, 'key.pem')), cert: await readFile(join(keys, 'cert.pem')) };
createServer((q, a) => void answer('http', q, a)).listen(8080, address);
createTlsServer(tls, (q, a) => void answer('https', q, a)).listen(8443, address, () => process.stdout.write('ready\n'));
