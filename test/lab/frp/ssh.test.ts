// Into a worker by SSH: the worker and a real sshd run in a container under CLORE's contract, and `npx spotrig connect` reaches it through the
// real frps behind the nginx that frps-config writes: by names on port 443, and by a websocket there. Nothing of the worker listens for
// anybody outside. A token that is revoked ends the session that stands, and the miner runs on.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { NOTHING_OUTSIDE } from '../../../reporter/net/profile.ts';
import { buildPage } from '../../../scripts/release/page.ts';
import { buildRelease } from '../../../scripts/release/release.ts';
import { EventsAnswer, WorkersAnswer } from '../../../wire/api.ts';
import { frpBinaries, frpMissing } from '../../frp/binaries.ts';
import { lacking, sshdArgv } from '../../frp/fronts.ts';
import { writePracticeMinerLauncher } from '../../rig/bundle.ts';
import { getJson, until } from '../../rig/fleet.ts';
import { startSha256dPool } from '../../rig/sha256d-pool.ts';
import { startContractContainer } from '../docker.ts';
import { LAB_RELEASE, SPOTRIG, startOperator } from './operator.ts';

const WORKER = 'frp-lab-ssh';
const HOST = '127.0.0.1';
const HTTPS_PORT = 443;
/** Longer than the worker's frpc takes from one heartbeat to the next, and shorter than the 90 s of the product. */
const HEARTBEAT_END_S = 45;
/** In the container alone. */
const MARK_PATH = '/root/lab-mark';
const missing = await frpMissing();
const lack = await lacking('nginx', 'nginx-stream', 'sshd', 'ssh');
const why = missing ?? (lack.length > 0 ? `no ${lack.join(', ')}` : null);

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** A worker in a container that exposes its sshd, and the words of a call that runs ssh there. */
async function startWorker(rung: 'tls' | 'wss') {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-ssh-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  const [collectorPort, sshPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const operator = await startOperator({
    ...{ dir, collectorPort, nginxPort: HTTPS_PORT, rungs: [rung], heartbeatTimeout_s: HEARTBEAT_END_S },
  });
  cleanups.push(() => operator.close());
  const { collector, dataDir, order } = operator;
  const pool = await startSha256dPool();
  cleanups.push(() => pool.close());
  const { frpc } = await frpBinaries();
  const launcher = await writePracticeMinerLauncher(join(dir, 'miner'), ['--practice-throttle-hs', '20000']);
  const sshdDir = join(dir, 'sshd');
  await mkdir(sshdDir);
  const { argv, keyFile } = await sshdArgv({ dir: sshdDir, host: HOST, port: sshPort, permitOpen: null });
  const container = await startContractContainer({
    name: WORKER,
    contractPath: resolve('test/contract/delegated-entrypoint.sh'),
    mounts: [sshdDir, dirname(frpc), dirname(launcher), dirname(process.execPath)],
    env: {
      DELEGATED_ENTRYPOINT: `${collector.url}/entrypoint.sh`,
      WORKER_NAME: WORKER,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: operator.tokenOf(WORKER),
      SPOTRIG_MINER: `t-rex@${launcher}`,
      SPOTRIG_ALGO: 'sha256d',
      SPOTRIG_POOLS: pool.url,
      SPOTRIG_WALLET: 'practice-wallet',
      SPOTRIG_PROBE: JSON.stringify(NOTHING_OUTSIDE),
      SPOTRIG_FRPC: `frpc@${frpc}`,
      SPOTRIG_EXPOSE: `ssh:${sshPort}`,
      ...order,
    },
  });
  cleanups.push(() => container.remove());
  const mark = randomBytes(8).toString('hex');
  await container.exec('sh', '-c', `mkdir -p /run/sshd; echo ${mark} > ${MARK_PATH}`);
  // Without -D it goes to the background by itself, as CLORE's image has it beside the worker.
  await container.exec(...argv.filter((word) => word !== '-D'));
  await until('a worker that hashes', 180_000, async () => {
    const { workers } = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
    return workers[0]?.state === 'hashing' ? true : null;
  });
  const options = ['-i', keyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
  const place = ['--collector', collector.url, '--data', dataDir, '--frpc', frpc];
  const call = [SPOTRIG, 'connect', WORKER, 'ssh', ...place, '--', ...options];
  return { operator, pool, mark, sshPort, call };
}

describe.skipIf(process.getuid?.() !== 0 || (why !== null && process.env['CI'] !== 'true'))(
  `ssh into a worker (${why ?? 'root starts sshd and nginx'})`,
  () => {
    beforeAll(async () => {
      await frpBinaries();
      await buildRelease({ out: LAB_RELEASE, xz: 'make', log: () => undefined });
      await buildPage({ out: join(LAB_RELEASE, 'page') });
    });

    it.each(['tls', 'wss'] as const)('by the rung %s', async (rung) => {
      const { mark, sshPort, call } = await startWorker(rung);
      const words = `echo "worker $((6 * 7)) $(cat ${MARK_PATH}) $SSH_CONNECTION"`;
      const begun = performance.now();
      // The collector knows of the service when the report of it is there.
      const [said, took_ms] = await until('a shell', 120_000, async () => {
        const tried = performance.now();
        const ran = await execa(process.execPath, [...call, words], { reject: false, timeout: 60_000 });
        if (ran.exitCode !== 0) throw new Error(ran.stderr.slice(-400));
        return [ran.stdout, performance.now() - tried] as const;
      });
      const all_ms = performance.now() - begun;
      console.log(
        `lab: ssh into a container by ${rung}: ${(took_ms / 1000).toFixed(1)} s; ${(all_ms / 1000).toFixed(1)} s after the ` +
          `worker's first hashes: ${said}`,
      );
      expect(said).toMatch(new RegExp(`^worker 42 ${mark} 127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${sshPort}$`, 'm'));
    });

    it('ends the session that stands when the token is revoked', async () => {
      const { operator, pool, call } = await startWorker('tls');
      const { collector, dataDir } = operator;
      const held = await until('a session', 120_000, async () => {
        const ran = execa(process.execPath, [...call, 'echo held; exec sleep 900'], { reject: false });
        cleanups.push(() => void ran.kill('SIGTERM'));
        const spoke = new Promise<true>((done) => ran.stdout.once('data', () => done(true)));
        return (await Promise.race([spoke, ran.then(() => false)])) ? { ended: ran } : null;
      });
      const accepted = (): number => Object.values(pool.stats().workers).reduce((sum, book) => sum + book.accepted, 0);
      await execa(process.execPath, [SPOTRIG, 'token', 'revoke', '--worker', WORKER, '--data', dataDir]);
      const begun = performance.now();
      const again = await execa(process.execPath, [...call, 'echo in'], { reject: false, all: true, timeout: 120_000 });
      expect([again.exitCode === 0, again.stdout]).toEqual([false, '']);
      const refused_s = (performance.now() - begun) / 1000;
      const { exitCode } = await held.ended;
      const gone_s = (performance.now() - begun) / 1000;
      expect(exitCode).not.toBe(0);
      console.log(
        `lab: token revoked: a new session is refused (told after ${refused_s.toFixed(1)} s), the one that stood ended after ` +
          `${gone_s.toFixed(1)} s (heartbeat's end at ${HEARTBEAT_END_S} s)`,
      );
      const before = accepted();
      await until('more shares without a tunnel', 60_000, () => Promise.resolve(accepted() > before ? true : null));
      const { events } = EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?worker=${WORKER}`));
      const refused = events.filter(({ event }) => event === 'frp_refused').map(({ detail }) => detail);
      expect(refused.filter((detail) => detail.includes('the token was revoked')).length).toBeGreaterThan(0);
    });
  },
);
