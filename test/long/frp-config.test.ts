// What `spotrig frps-config` writes is read by the real frps and frpc.
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { spawnGroup } from '../../platform/process.ts';
import { run as frpsConfig } from '../../scripts/commands/frps-config.ts';
import { type FrpBinaries, frpBinaries, frpMissing } from '../frp/binaries.ts';

const BUILD_LIMIT_MS = 600_000;
const EXPORT = '[[frp.egress]]\nname = "pool-a"\ntarget = "pool.example.org:3333"\n';
const missing = await frpMissing();

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(
  `spotrig frps-config (${missing ?? 'real frp'})`,
  () => {
    let dir: string;
    let programs: FrpBinaries;

    beforeAll(async () => {
      programs = await frpBinaries();
      dir = await mkdtemp(join(tmpdir(), 'spotrig-frps-'));
    }, BUILD_LIMIT_MS);
    afterAll(() => rm(dir, { recursive: true, force: true }));

    it('writes what frps and frpc take, and frps shows the certificate to every name', async () => {
      const { frps, frpc } = programs;
      const port = await freeLoopbackPort();
      await writeFile(join(dir, 'collector.toml'), `[frp]\naddresses = ["frp://tun.example.org:${port}"]\n${EXPORT}`);
      const quiet = vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const flags = ['--host', 'tun.example.org,192.0.2.5', '--other', 'a.example', '--mux-off', '--egress', '--bare'];
      expect(await frpsConfig([...flags, '--port', String(port), '--data', dir])).toBe(0);
      quiet.mockRestore();
      for (const name of ['frps', 'frps-nomux']) await execa(frps, ['verify', '-c', join(dir, 'frps', `${name}.toml`)]);
      for (const name of ['frpc-egress', 'frpc-egress-nomux'])
        await execa(frpc, ['verify', '-c', join(dir, 'frps', `${name}.toml`)]);
      const argv = ['setpriv', '--pdeathsig', 'KILL', frps, '-c', join(dir, 'frps/frps.toml')];
      const server = spawnGroup({ argv, env: { PATH: process.env['PATH'] ?? '' }, stdout: 'ignore', stderr: 'ignore' });
      try {
        const ca = await readFile(join(dir, 'frp-ca.pem'), 'utf8');
        for (const servername of ['tun.example.org', 'a.example'])
          await expect.poll(() => isTrusted(port, servername, ca), { timeout: 10_000 }).toBe(true);
      } finally {
        server.kill('SIGKILL');
      }
    });
  },
);

async function isTrusted(port: number, servername: string, ca: string): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, servername, ca });
  try {
    await once(socket, 'secureConnect');
    return socket.authorized;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
