// The real frps and frpc at work on loopback: a stcp proxy and its visitor in one frpc carry 64 KB there and back. Nothing of the
// product is in it yet; it holds that the programs are there for the parts to come, and of the versions that these need.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { frpBinaries, frpMissing, type FrpBinaries } from '../frp/binaries.ts';
import { until } from '../rig/fleet.ts';

const ECHO_BYTES = 65_536;
const missing = await frpMissing();

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`frp (${missing ?? 'built here'})`, () => {
  let dir: string;
  let frp: FrpBinaries;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-frp-'));
    frp = await frpBinaries();
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('is of the versions that spotrig needs', async () => {
    for (const path of [frp.frps, frp.frpc])
      expect((await execa(path, ['--version'])).stdout).toMatch(/^0\.(7\d|[89]\d)\.\d+$/);
  });

  it('carries 64 KB through a stcp proxy and its visitor', async () => {
    const echo = createServer((socket) => socket.pipe(socket).on('error', () => undefined));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const [serverPort, bindPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
    const token = randomBytes(16).toString('hex');
    const secretKey = randomBytes(16).toString('hex');
    const auth = { method: 'token', tokenSource: { type: 'file', file: { path: join(dir, 'token') } } };
    await writeFile(join(dir, 'token'), token, { mode: 0o600 });
    const loopback = '127.0.0.1';
    await writeFile(join(dir, 'frps.toml'), stringify({ bindAddr: loopback, bindPort: serverPort, auth }));
    const { port: localPort } = echo.address() as AddressInfo;
    const client = {
      ...{ serverAddr: loopback, serverPort, user: 'rig', auth, loginFailExit: false },
      proxies: [{ name: 'canary', type: 'stcp', secretKey, localIP: loopback, localPort }],
      visitors: [{ name: 'canary', type: 'stcp', serverName: 'canary', secretKey, bindAddr: loopback, bindPort }],
    };
    await writeFile(join(dir, 'frpc.toml'), stringify(client));
    const ended = new AbortController();
    const run = (path: string, config: string) =>
      execa(path, ['-c', join(dir, config)], { all: true, reject: false, cancelSignal: ended.signal });
    const programs = [run(frp.frps, 'frps.toml'), run(frp.frpc, 'frpc.toml')];
    try {
      const sent = randomBytes(ECHO_BYTES);
      const came = await until('the echo', 30_000, () => echoed(bindPort, sent));
      expect(came.equals(sent)).toBe(true);
    } finally {
      ended.abort();
      await Promise.all(programs);
      echo.close();
    }
  });
});

/** What comes back through the visitor; null while there is no way: it takes connections and closes them then. */
function echoed(port: number, bytes: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(null));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length < bytes.length) return;
      resolve(all);
      socket.destroy();
    });
  });
}
