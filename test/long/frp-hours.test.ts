// Hours of a tunnel in seconds: the worker's tunnel with the real frps and frpc, by a clock that leaps. When the way in use is proven again,
// when the first rung is tried again, and that it is gone back to.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LADDER_TIMES } from '../../entrypoint/frp/ladder.ts';
import { Tunnel } from '../../entrypoint/frp/tunnel.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock, sleepWith, type Clock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { FRP_CANARY } from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import { frpBinaries, frpMissing } from '../frp/binaries.ts';
import { certificateFor } from '../frp/fronts.ts';
import { startGate } from '../frp/gate.ts';
import { frpsConfig, startFrp } from '../frp/processes.ts';
import { getJson, until } from '../rig/fleet.ts';

const HOST = '127.0.0.1';
const NAME = 'frps.test';
const TOKEN = randomBytes(16).toString('hex');
const MINUTE = 60_000;
const BUILD_LIMIT_MS = 600_000;
const LIMIT_MS = 60_000;
/** In which nothing new happens; the tunnel looks every 100 ms. */
const QUIET_MS = 1_500;
const missing = await frpMissing();

/** Real time, and what was leapt over. */
class LeapingClock implements Clock {
  #leapt = 0;
  leap(ms: number): void {
    this.#leapt += ms;
  }
  nowMs(): number {
    return realClock.nowMs() + this.#leapt;
  }
  monoMs(): number {
    return realClock.monoMs() + this.#leapt;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, ms, signal);
  }
  setTimer(ms: number, fn: () => void): () => void {
    return realClock.setTimer(ms, fn);
  }
}

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Two frps: one with multiplexing behind a gate, which `tls` needs, and one without. Every drawn time is the middle one. */
async function startTunnel(isOpen: boolean) {
  const home = await mkdtemp(join(tmpdir(), 'spotrig-frp-hours-'));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  for (const folder of ['run', 'log']) await mkdir(join(home, folder));
  const { frps, frpc } = await frpBinaries();
  const certificate = await certificateFor(home, 'frps', [NAME, HOST]);
  const [port, noMux, dashboard] = [await freeLoopbackPort(), await freeLoopbackPort(), await freeLoopbackPort()];
  for (const [name, at, tcpMux] of [
    ['frps', port, true],
    ['frps-no-mux', noMux, false],
  ] as const) {
    const webServer = tcpMux ? { webServer: { addr: HOST, port: dashboard } } : {};
    const more = { transport: { tcpMux, tls: { ...certificate, force: false } }, ...webServer };
    const config = frpsConfig({ port: at, token: TOKEN, more });
    const server = await startFrp({ program: frps, dir: home, name, config });
    cleanups.push(() => server.kill());
    await server.said(/frps started successfully/);
  }
  const gate = await startGate(port);
  cleanups.push(() => gate.close());
  gate.set(isOpen ? 'open' : 'reset');
  const read = parseFrpUrl(
    `frp://:${TOKEN}@${HOST}:${gate.port}?sni=${NAME}&nomux=${HOST}:${noMux}&rungs=tls,tls_no_mux`,
  );
  if ('complaints' in read) throw new Error(read.complaints.join('; '));
  const clock = new LeapingClock();
  const records: FrpRecord[] = [];
  const tried: string[] = [];
  const tunnel = new Tunnel({
    ...{
      home,
      boot: 'e'.repeat(32),
      token: { kid: 'k1', worker: 'rig-1', expires_s: 1_900_000_000, mac: 'm'.repeat(43) },
    },
    ...{ addresses: [read.frps], ca: { path: certificate.certFile }, sshKey: null, country: null, expose: [] },
    ...{ minerPort: () => null, egressKey: null, egressPorts: new Map(), network: () => null },
    program: () => Promise.resolve(frpc),
    onRecord: (record) => records.push(record),
    onSample: ({ target, failure }) =>
      tried.push(`${/^frp\+(\w+):/.exec(target.url)?.[1] ?? ''} ${failure === null ? 'up' : 'failed'}`),
    emit: () => undefined,
    ...{ clock, random: () => 0.5, logger: silentLogger, timers: { look: 100, breath: 50 } },
  });
  const ending = new AbortController();
  const done = tunnel.run(ending.signal);
  cleanups.push(async () => {
    ending.abort(new Error('over'));
    await done;
    await tunnel.stop();
  });
  /** The newest record, once it is `up` on this rung and newer than `after` records. */
  const upOn = (rung: string, after = 0): Promise<number> =>
    until(`up on ${rung}`, LIMIT_MS, () => {
      const last = records.at(-1);
      return Promise.resolve(
        last?.state === 'up' && last.rung === rung && records.length > after ? records.length : null,
      );
    });
  /** Bytes that canaries brought to the first frps, by its own count: a connection counts when it closes. */
  const canaryBytes = async (): Promise<number> => {
    const proxy = await getJson(`http://${HOST}:${dashboard}/api/proxy/stcp/rig-1.${FRP_CANARY}`);
    return (proxy as { todayTrafficIn: number }).todayTrafficIn;
  };
  return { gate, clock, records, tried, upOn, canaryBytes };
}

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(
  `hours of a tunnel (${missing ?? 'real frp'})`,
  () => {
    beforeAll(() => frpBinaries(), BUILD_LIMIT_MS);

    it('proves the way in use by 1 KB every five minutes and by 64 KB every hour', async () => {
      const { clock, tried, upOn, canaryBytes } = await startTunnel(true);
      const { small_bytes: small, large_bytes: large } = LADDER_TIMES;
      await upOn('tls');
      let seen = 0;
      const next = async (what: string): Promise<number> => {
        const bytes = await until(what, LIMIT_MS, async () => {
          const now = await canaryBytes();
          return now > seen ? now - seen : null;
        });
        seen += bytes;
        return bytes;
      };
      expect(await next('the first canary')).toBe(large);
      const proofs: number[] = [];
      for (let minute = 5; minute <= 60; minute += 5) {
        clock.leap(5 * MINUTE);
        proofs.push(await next(`a canary after ${minute} minutes`));
      }
      expect(proofs).toEqual([...Array<number>(11).fill(small), large]);
      expect(tried).toEqual(['tls up']);
    });

    it('tries the first rung again after six hours, comes back to what worked, and stays on the first when it works', async () => {
      const { gate, clock, records, tried, upOn } = await startTunnel(false);
      const samples = (count: number): Promise<true> =>
        until(`${count} samples`, LIMIT_MS, () => Promise.resolve(tried.length >= count ? true : null));
      const first = await upOn('tls_no_mux');
      await samples(2);
      clock.leap(LADDER_TIMES.retry_first_ms - 10 * MINUTE);
      // Of the hour's canary; nothing else is due before.
      const proven = await upOn('tls_no_mux', first);
      await realClock.sleep(QUIET_MS);
      expect(tried).toEqual(['tls failed', 'tls_no_mux up']);
      clock.leap(10 * MINUTE);
      await samples(4);
      expect(records.length).toBeGreaterThan(proven);
      await upOn('tls_no_mux');
      expect(tried.slice(2)).toEqual(['tls failed', 'tls_no_mux up']);
      gate.set('open');
      clock.leap(LADDER_TIMES.retry_first_ms);
      await upOn('tls');
      await samples(5);
      clock.leap(4 * LADDER_TIMES.retry_first_ms);
      await realClock.sleep(QUIET_MS);
      expect(tried.slice(4)).toEqual(['tls up']);
    });
  },
);
