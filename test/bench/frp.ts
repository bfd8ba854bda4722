// What the way through frp costs, rung by rung: a line's round trip and a stream's rate through a visitor, frps and the operator's
// exporting frpc, against a direct connection on loopback; and frpc's memory and CPU at rest beside the worker's own. The ends of every
// connection are in this process, so one clock times all of it. Rungs whose front (nginx, sshd) is not installed are left out and said so.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { FRP_EGRESS, type FrpRung } from '../../wire/frp-names.ts';
import { frpBinaries } from '../frp/binaries.ts';
import { certificateFor, lacking, startNginx, startSshd, startSshForward, type Front } from '../frp/fronts.ts';
import { exportOf, frpcConfig, frpsConfig, startFrp, visitorOf, type FrpProcess } from '../frp/processes.ts';
import { startFleet, until } from '../rig/fleet.ts';
import { pidsOf } from './footprint.ts';
import { plain, type Bench, type Findings, type Measurement, type Row } from './measurement.ts';
import { cpuMsOfAll, memoryOf, memoryOfAll } from './process-cost.ts';
import { median, quantile } from './statistics.ts';

/** Of a stratum line, about. */
const LINE_BYTES = 200;
const LINES_PER_ROUND = 100;
const STREAM_BYTES = 16 * 1024 * 1024;
const PAUSE_MS = 2;
const NAME = 'frps.test';
const HOST = '127.0.0.1';

/** Cost of the way through frp. */
export const frp: Measurement = {
  name: 'frp',
  about: 'delay, rate, memory and CPU of the way through frp, by rung',
  run,
};

type Arm = FrpRung | 'direct';

/** One way to the server of the bench. */
interface Way {
  arm: Arm;
  port: number;
  frpc: FrpProcess | null;
  /** Between frpc and frps, on the worker's side. */
  helper: Front | null;
  /** From frpc's start to the first echo through it. */
  ready_ms: number;
}

async function run(bench: Bench): Promise<Findings> {
  const ends: (() => Promise<void> | void)[] = [];
  try {
    return await measure(bench, ends);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function measure(bench: Bench, ends: (() => Promise<void> | void)[]): Promise<Findings> {
  const dir = await mkdtemp(join(bench.workDir, 'frp-'));
  const targetPort = await startTarget(ends);
  const ways = await startWays(bench, dir, targetPort, ends);
  const tls = ways.find(({ arm }) => arm === 'tls')?.frpc ?? null;
  const restRss = tls === null ? null : (await memoryOf(tls.pid)).rss_bytes;
  const rounds = bench.quick ? 2 : 8;
  const trips = new Map<Arm, number[][]>(ways.map(({ arm }) => [arm, []]));
  const rates = new Map<Arm, number[]>(ways.map(({ arm }) => [arm, []]));
  // The first round warms all up.
  for (let round = 0; round <= rounds; round++) {
    for (const { arm, port } of ways) {
      bench.signal.throwIfAborted();
      const [times, rate] = [await roundTrips(port), await streamRate(port)];
      if (round === 0) continue;
      trips.get(arm)?.push(times);
      rates.get(arm)?.push(rate);
    }
    bench.say(`round ${round} of ${rounds}: ${LINES_PER_ROUND} lines and ${STREAM_BYTES / 1e6} MB each way`);
  }
  const of = (arm: Arm): { p50: number; p99: number; rate: number } => {
    const all = trips.get(arm) ?? [];
    const at = (q: number): number => median(all.map((times) => quantile(times, q)));
    return { p50: at(0.5), p99: at(0.99), rate: median(rates.get(arm) ?? []) };
  };
  const direct = of('direct');
  const rows: Row[] = [];
  const values: Record<string, unknown> = { direct };
  for (const way of ways.filter(({ arm }) => arm !== 'direct')) {
    const { p50, p99, rate } = of(way.arm);
    values[way.arm] = { p50_ms: p50, p99_ms: p99, bytes_per_s: rate, ready_ms: way.ready_ms };
    rows.push(
      {
        ...plain(`frp ${way.arm}, round trip`, `${p50.toFixed(2)} ms, adds ${(p50 - direct.p50).toFixed(2)} ms (p99 ${p99.toFixed(2)})`), // prettier-ignore
        ...{ against: `direct: ${direct.p50.toFixed(2)} ms`, ratio: p50 / direct.p50 },
      },
      {
        ...plain(`frp ${way.arm}, stream`, `${mb(rate)}/s; ready after ${way.ready_ms.toFixed(0)} ms`),
        ...{ against: `direct: ${mb(direct.rate)}/s`, ratio: rate / direct.rate },
      },
    );
  }
  // Those of the rungs that a worker has one of at a time.
  const ssh = ways.find(({ arm }) => arm === 'ssh')?.helper ?? null;
  for (const { arm, frpc } of ways) if (frpc !== tls && arm !== 'ssh') await frpc?.kill();
  if (tls !== null && restRss !== null) {
    const cost = await costBesideWorker(bench, tls.pid, restRss, ssh?.pid ?? null);
    rows.push(...cost.rows);
    Object.assign(values, cost.values);
  }
  return { rows, values };
}

/** Answers by the first byte: `e` echoes lines, `d` sends the stream. */
async function startTarget(ends: (() => void)[]): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('data', (first: Buffer) => {
      if (first[0] === 0x64) socket.end(Buffer.alloc(STREAM_BYTES, 0x55));
      else {
        socket.write(first);
        socket.on('data', (chunk: Buffer) => socket.write(chunk));
      }
    });
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  ends.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function startWays(
  bench: Bench,
  dir: string,
  targetPort: number,
  ends: (() => Promise<void> | void)[],
): Promise<Way[]> {
  const { frps, frpc } = await frpBinaries();
  const [token, key] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const certificate = await certificateFor(dir, 'frps', [NAME, HOST]);
  const program = async (...[o]: Parameters<typeof startFrp>): Promise<FrpProcess> => {
    const started = await startFrp(o);
    ends.push(() => started.kill());
    return started;
  };
  /** frps with the operator's exporting frpc beside it. */
  const serverWith = async (name: string, tcpMux: boolean): Promise<number> => {
    const port = await freeLoopbackPort();
    const more = { transport: { tcpMux, tls: { ...certificate, force: false } } };
    await program({ program: frps, dir, name, config: frpsConfig({ port, token, more }) });
    const proxies = [exportOf('target', key, targetPort)];
    const operator = frpcConfig({ port, token, user: FRP_EGRESS, more: { proxies, transport: { tcpMux } } });
    await (
      await program({ program: frpc, dir, name: `${name}-operator`, config: operator })
    ).said(/start proxy success/);
    return port;
  };
  const [muxPort, plainPort] = [await serverWith('frps', true), await serverWith('frps-no-mux', false)];

  const ways: Way[] = [{ arm: 'direct', port: targetPort, frpc: null, helper: null, ready_ms: 0 }];
  const add = async (
    arm: FrpRung,
    port: number,
    more: { transport?: object; env?: Record<string, string>; helper?: Front },
  ): Promise<void> => {
    // prettier-ignore
    const bindPort = await freeLoopbackPort();
    const tls = { serverName: NAME, trustedCaFile: certificate.certFile };
    const visitors = [visitorOf('target', 'target', key, bindPort)];
    const config = frpcConfig({ port, token, user: `rig-${arm.replaceAll('_', '-')}`, more: { visitors, transport: { tls, ...more.transport } } }); // prettier-ignore
    const begun = performance.now();
    const started = await program({ program: frpc, dir, name: `worker-${arm}`, config, ...(more.env === undefined ? {} : { env: more.env }) }); // prettier-ignore
    await until(`an echo through ${arm}`, 20_000, async () => ((await roundTrips(bindPort, 1)).length === 1 ? true : null)); // prettier-ignore
    ways.push({ arm, port: bindPort, frpc: started, helper: more.helper ?? null, ready_ms: performance.now() - begun });
    bench.say(`${arm}: an echo after ${(performance.now() - begun).toFixed(0)} ms`);
  };
  await add('tls', muxPort, {});
  await add('tls_classic', muxPort, { env: { GODEBUG: 'tlsmlkem=0' } });
  await add('tls_no_mux', plainPort, { transport: { tcpMux: false } });
  const [noNginx, noSsh] = [await lacking('nginx'), await lacking('sshd', 'ssh')];
  if (noNginx.length > 0) bench.say('wss is left out: there is no nginx');
  else {
    const port = await freeLoopbackPort();
    const nginx = await startNginx({ dir, host: HOST, port, frps: `${HOST}:${muxPort}`, certificate });
    ends.push(() => nginx.close());
    await add('wss', port, { transport: { protocol: 'wss' } });
  }
  if (noSsh.length > 0 || process.getuid?.() !== 0) bench.say('ssh is left out: it needs sshd, ssh and root');
  else {
    const [port, localPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
    const to = `${HOST}:${muxPort}`;
    const server = await startSshd({ dir, host: HOST, port, permitOpen: to });
    ends.push(() => server.close());
    const forward = await startSshForward({ dir, host: HOST, port, server, localPort, to });
    ends.push(() => forward.close());
    await add('ssh', localPort, { helper: forward });
  }
  return ways;
}

/** Times of lines and their echoes, one at a time on one connection, in ms. Rejects when the connection ends before. */
async function roundTrips(port: number, count = LINES_PER_ROUND): Promise<number[]> {
  const socket = connect({ host: HOST, port, noDelay: true });
  const broken = new Promise<never>((_, reject) => {
    socket.once('error', reject).once('close', () => reject(new Error('the connection ended')));
  });
  broken.catch(() => undefined);
  try {
    const line = Buffer.alloc(LINE_BYTES, 0x65);
    const echo = async (): Promise<number> => {
      const begun = performance.now();
      let left = LINE_BYTES;
      const whole = new Promise<void>((resolve) => {
        const onData = (chunk: Buffer): void => {
          left -= chunk.length;
          if (left > 0) return;
          socket.off('data', onData);
          resolve();
        };
        socket.on('data', onData);
      });
      socket.write(line);
      await Promise.race([whole, broken]);
      return performance.now() - begun;
    };
    await echo(); // opens the way
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      await realClock.sleep(PAUSE_MS);
      times.push(await echo());
    }
    return times;
  } finally {
    socket.destroy();
  }
}

/** Bytes a second of one stream towards the worker. */
async function streamRate(port: number): Promise<number> {
  const socket = connect({ host: HOST, port });
  let begun = 0;
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    if (bytes === 0) begun = performance.now();
    bytes += chunk.length;
  });
  socket.write('d');
  await once(socket, 'close');
  if (bytes !== STREAM_BYTES) throw new Error(`${bytes} bytes of ${STREAM_BYTES} came`);
  return bytes / ((performance.now() - begun) / 1000);
}

/** frpc at rest, its tunnel up, beside bash and Node of a worker at work. */
async function costBesideWorker(
  bench: Bench,
  frpcPid: number,
  restRss: number,
  sshPid: number | null,
): Promise<Findings> {
  const fleet = await startFleet({
    releaseDir: await bench.release(),
    minerFlags: ['--practice-throttle-hs', '20000'],
  });
  try {
    await until('a hashing worker', 60_000, async () => ((await fleet.row())?.state === 'hashing' ? true : null));
    const { head, node } = await pidsOf(fleet.tree.home);
    await realClock.sleep(bench.quick ? 5_000 : 30_000, bench.signal);
    const before = { frpc: await cpuMsOfAll([frpcPid]), worker: await cpuMsOfAll([head, node]) };
    const begun = performance.now();
    await realClock.sleep(bench.quick ? 30_000 : 180_000, bench.signal);
    const wall_ms = performance.now() - begun;
    const share = {
      frpc: ((await cpuMsOfAll([frpcPid])) - before.frpc) / wall_ms,
      worker: ((await cpuMsOfAll([head, node])) - before.worker) / wall_ms,
    };
    const rss = { frpc: (await memoryOf(frpcPid)).rss_bytes, worker: (await memoryOfAll([head, node])).rss_bytes };
    const ssh_rss = sshPid === null ? null : (await memoryOf(sshPid)).rss_bytes;
    const ofSsh = ssh_rss === null ? '' : `; ssh of its rung ${mb(ssh_rss)} more`;
    return {
      rows: [
        {
          ...plain('frpc, RSS at rest', `${mb(restRss)}${ofSsh}`, `bash + Node: ${mb(rss.worker)}`),
          ratio: restRss / rss.worker,
        },
        {
          ...plain('frpc, RSS after the streams', mb(rss.frpc), `bash + Node: ${mb(rss.worker)}`),
          ratio: rss.frpc / rss.worker,
        },
        {
          ...plain('frpc, CPU at rest', `${(share.frpc * 100).toFixed(3)} % of a core`),
          ...{ against: `bash + Node at work: ${(share.worker * 100).toFixed(3)} %`, ratio: share.frpc / share.worker },
        },
      ],
      values: {
        frpc_rest_rss_bytes: restRss,
        frpc_rss_bytes: rss.frpc,
        worker_rss_bytes: rss.worker,
        ssh_rss_bytes: ssh_rss,
        cpu_share: share,
      },
    };
  } finally {
    await fleet.close();
  }
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
