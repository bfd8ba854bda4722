// Into a worker by SSH: the whole worker exposes a real sshd, and `npx spotrig connect` reaches it through the real frps, directly and by a
// websocket behind nginx on port 443, with nothing of the worker listening for anybody outside.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'smol-toml';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadFrpSecrets } from '../../../collector/frp/secrets.ts';
import { loadKeys } from '../../../collector/keys.ts';
import { mintToken } from '../../../collector/tokens.ts';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { realClock } from '../../../platform/clock.ts';
import { buildPage } from '../../../scripts/release/page.ts';
import { buildRelease } from '../../../scripts/release/release.ts';
import { WorkersAnswer } from '../../../wire/api.ts';
import { frpBinaries, frpMissing } from '../../frp/binaries.ts';
import { certificateFor, lacking, startNginx, startSshd } from '../../frp/fronts.ts';
import { frpsConfig, startFrp } from '../../frp/processes.ts';
import { writePracticeMinerLauncher } from '../../rig/bundle.ts';
import { startCollectorProcess } from '../../rig/collector-process.ts';
import { startContractWorker } from '../../rig/contract-worker.ts';
import { getJson, until } from '../../rig/fleet.ts';
import { startSha256dPool } from '../../rig/sha256d-pool.ts';

const RELEASE = resolve('.cache/lab/release');
const SPOTRIG = resolve('bin/spotrig.js');
const HOST = '127.0.0.1';
/** Where the web site is: its port 443 is free on any machine. */
const WEB = '127.77.1.43';
const NAME = 'frps.test';
const missing = await frpMissing();
const lack = await lacking('nginx', 'sshd', 'ssh');
const why = missing ?? (lack.length > 0 ? `no ${lack.join(', ')}` : null);

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

describe.skipIf(process.getuid?.() !== 0 || (why !== null && process.env['CI'] !== 'true'))(
  `ssh into a worker (${why ?? 'root starts sshd and nginx'})`,
  () => {
    beforeAll(async () => {
      await frpBinaries();
      await buildRelease({ out: RELEASE, xz: 'cached', log: () => undefined });
      await buildPage({ out: join(RELEASE, 'page') });
    });

    it.each(['tls', 'wss'] as const)('by the rung %s', async (rung) => {
      const dir = await mkdtemp(join(tmpdir(), 'spotrig-ssh-'));
      cleanups.push(() => rm(dir, { recursive: true, force: true }));
      const dataDir = join(dir, 'collector');
      const sshdDir = join(dir, 'sshd');
      await Promise.all([mkdir(dataDir), mkdir(sshdDir)]);
      const [hookPort, frpsPort, sshPort] = [
        await freeLoopbackPort(),
        await freeLoopbackPort(),
        await freeLoopbackPort(),
      ];
      const certificate = await certificateFor(dir, 'frps', [NAME, HOST, WEB]);
      const options = `sni=${NAME}&wss=${WEB}:443&rungs=${rung}`;
      const table = { hook: `${HOST}:${hookPort}`, addresses: [`frp://${HOST}:${frpsPort}?${options}`] };
      await writeFile(join(dataDir, 'collector.toml'), stringify({ frp: { ...table, ca: certificate.certFile } }));
      const { token, hook_path } = (await loadFrpSecrets(dataDir, realClock)).values;
      const keys = await loadKeys(dataDir);
      const pages = { releaseDir: RELEASE, pageDir: join(RELEASE, 'page') };
      const collector = await startCollectorProcess({ port: 0, dataDir, ...pages });
      cleanups.push(() => collector.stop());
      const { frps, frpc } = await frpBinaries();
      const plugin = { name: 'collector', addr: `${HOST}:${hookPort}`, path: `/${hook_path}` };
      const ops = ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'];
      const more = { httpPlugins: [{ ...plugin, ops }], detailedErrorsToClient: true };
      const config = frpsConfig({ port: frpsPort, token, certificate, more });
      const server = await startFrp({ program: frps, dir, name: 'frps', config });
      cleanups.push(() => server.kill());
      if (rung === 'wss') {
        const nginx = await startNginx({ dir, host: WEB, port: 443, frps: `${HOST}:${frpsPort}`, certificate });
        cleanups.push(() => nginx.close());
      }
      const sshd = await startSshd({ dir: sshdDir, host: HOST, port: sshPort, permitOpen: null });
      cleanups.push(() => sshd.close());
      const pool = await startSha256dPool();
      cleanups.push(() => pool.close());
      const miner = await writePracticeMinerLauncher(join(dir, 'miner'), ['--practice-throttle-hs', '20000']);
      const worker = await startContractWorker({
        dir: join(dir, 'worker'),
        entrypointUrl: `${collector.url}/entrypoint.sh`,
        env: {
          WORKER_NAME: 'rig-1',
          SPOTRIG_COLLECTOR: collector.url,
          SPOTRIG_TOKEN: mintToken(keys, { worker: 'rig-1', expires_s: Math.floor(Date.now() / 1000) + 3600 }),
          SPOTRIG_MINER: `t-rex@${miner}`,
          SPOTRIG_ALGO: 'sha256d',
          SPOTRIG_POOLS: pool.url,
          SPOTRIG_WALLET: 'practice-wallet',
          SPOTRIG_FRP: `frp://:${token}@${HOST}:${frpsPort}?${options}`,
          SPOTRIG_FRP_CA: certificate.certFile,
          SPOTRIG_FRPC: `frpc@${frpc}`,
          SPOTRIG_EXPOSE: `ssh:${sshPort}`,
        },
      });
      cleanups.push(() => worker.stop());
      await until('a worker that hashes', 120_000, async () => {
        const { workers } = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
        return workers[0]?.state === 'hashing' ? true : null;
      });
      const ssh = ['-i', sshd.keyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
      const call = [
        SPOTRIG,
        'connect',
        'rig-1',
        'ssh',
        '--collector',
        collector.url,
        '--data',
        dataDir,
        '--frpc',
        frpc,
      ];
      const begun = performance.now();
      // The collector knows of the service when the report of it is there.
      const said = await until('a shell', 90_000, async () => {
        const command = [...call, '--', ...ssh, 'echo "worker $((6 * 7)) $SSH_CONNECTION"'];
        const { stdout, stderr, exitCode } = await execa(process.execPath, command, { reject: false, timeout: 60_000 });
        if (exitCode !== 0) throw new Error(stderr.slice(-400));
        return stdout;
      });
      console.log(`lab: ssh into a worker by ${rung}: ${((performance.now() - begun) / 1000).toFixed(1)} s: ${said}`);
      expect(said).toMatch(new RegExp(`^worker 42 127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${sshPort}$`, 'm'));
    });
  },
);
