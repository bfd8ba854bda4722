import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { realClock } from '../../platform/clock.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { POOLS, probeWorld } from '../../test/fakes/probe-world.ts';
import { ReachabilityRecord } from '../../wire/reachability.ts';
import type { NetDeps, RunTarget } from './context.ts';
import { netDeps } from './deps.ts';
import { profileWith, type ProbeProfile } from './profile.ts';
import { probeRun, type RunOptions, type RunResult } from './run.ts';
import { collectorRunTarget, poolTarget } from './targets.ts';

const CLEAN_RUN_MAX_BYTES = 90_000;

function options(targets: readonly RunTarget[], profile: ProbeProfile, change: Partial<RunOptions> = {}): RunOptions {
  return {
    ...{
      targets,
      profile,
      collectors: [],
      agent: 'spotrig-probe/t',
      isWatched: false,
      isBulkDue: false,
      isFull: false,
    },
    ...{ history: () => [], rest: new Map(), trace: () => undefined, ...change },
  };
}

async function valid(run: Promise<RunResult>): Promise<RunResult> {
  const result = await run;
  for (const record of result.records) expect(z.safeParse(ReachabilityRecord, record).error).toBeUndefined();
  return result;
}

describe('a clean run of twelve pools', () => {
  it('is small, polite, and finds all of them well', async () => {
    await using world = await probeWorld(realClock, 20, { dns_late_ms: 30 });
    const { targets, profile, collectors, deps } = world;
    const { records, pins, egress } = await valid(probeRun(options(targets, profile, { collectors }), deps));
    expect(records).toHaveLength(POOLS);
    for (const record of records) {
      expect(record).toMatchObject({ operation: null, failure: null, attempts: 1, variants: [], bulk: [] });
      expect(record.dns).toHaveLength(12);
      expect(record.dns.filter(({ family, failure }) => family === 'A' && failure !== null)).toEqual([]);
      expect(record.addresses).toHaveLength(1);
      expect(record.controls).toHaveLength(1);
      expect(record.verdict?.verdict).toBe('reachable');
      expect(pins.get(record.target.url)).toHaveLength(1);
    }
    expect(records[0]?.baseline?.sites.slice(0, 6).map(({ failure }) => failure)).toEqual(Array(6).fill(null));
    expect(egress?.key).toBe('127.0.0.0/24');
    expect(world.connections()).toMatchObject({ all: POOLS, perPool: 1, tlsPerPrefix: 1 });
    expect(world.connections().pools).toBeLessThanOrEqual(4);
    expect(world.connections().pools).toBeGreaterThan(1);
    await expect.poll(() => world.bytes()).toBeGreaterThan(20_000);
    expect(world.bytes()).toBeLessThanOrEqual(CLEAN_RUN_MAX_BYTES);
  });
});

describe('a run against pools with trouble', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const listening = async (server: Server): Promise<number> => {
    servers.push(server);
    server.on('connection', (socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const pool = (url: string): RunTarget => {
    const read = parsePoolUrl(url);
    if ('complaints' in read) throw new Error(read.complaints.join());
    return poolTarget(read.pool, 'bitcoin');
  };
  const FAST = profileWith({
    ...{ udp: [], tcp: [], doh: [], baseline: [], captive: null, bogons: [], reply_ms: 300, tls_ms: 300, ack_ms: 100 },
    ...{ attempt_pause_min_ms: 10, attempt_pause_max_ms: 20, variant_pause_ms: 5, close_ms: 200, bulk_ms: 2000 },
    ...{ bulk_bytes: 65_536, bulk_messages: 40, watch_ms: 50, stall_quiet_ms: 20 },
  });
  const deps: NetDeps = netDeps(realClock, () => 0.5);
  const collector = async (): Promise<string> => {
    // Answers anything that is no HTTP with 400, and counts what it gets.
    const server = createServer((socket) => {
      let text = '';
      socket.on('data', (data) => {
        text += data.toString('latin1');
        const [head, ...rest] = text.split('\r\n\r\n');
        const { length = '0' } = /content-length: (?<length>\d+)/i.exec(head ?? '')?.groups ?? {};
        const ok = (body: string): void => {
          text = '';
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        };
        if (!/^(?:GET|POST) /.test(text)) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        else if (rest.length === 0 || rest.join('\r\n\r\n').length < Number(length)) return;
        else if (text.startsWith('GET /v1/bulk?bytes=65536')) ok('x'.repeat(65_536));
        else ok('ok');
      });
    });
    return `http://127.0.0.1:${await listening(server)}`;
  };

  it('tries three times, then speaks the same line to the collector, and looks at other ports', async () => {
    let lines = 0;
    const silent = await listening(createServer((socket) => void socket.on('data', () => lines++)));
    const well = await listening(
      createServer((socket) => void socket.on('data', () => socket.write('{"id":1,"result":[]}\n'))),
    );
    const collectors = [{ url: await collector(), pins: [], token: null }];
    const targets = [pool(`stratum+tcp://127.0.0.1:${silent}`), pool(`stratum+tcp://127.0.0.1:${well}`)];
    const { records } = await valid(probeRun(options(targets, FAST, { collectors }), deps));
    const [bad, good] = records;
    expect(bad).toMatchObject({ operation: 'stratum_reply', failure: 'generic_timeout_error', attempts: 3 });
    expect(lines).toBe(3);
    expect(bad?.addresses.map(({ stratum }) => stratum?.tx_unacked_bytes)).toEqual([0, 0, 0]);
    expect(bad?.variants.map(({ variant, operation }) => [variant, operation])).toEqual([
      ['alt_port', null],
      ['innocent_at_collector', null],
      ['at_collector', null],
      ['innocent_again', null],
    ]);
    expect(good).toMatchObject({ operation: null, attempts: 1 });
    expect(bad?.verdict?.verdict).not.toContain('blocked');
  });

  it('changes the hello after a failed handshake, and keeps to the order', async () => {
    const resets = await listening(createServer((socket) => void socket.once('data', () => socket.resetAndDestroy())));
    const target = pool(`stratum+ssl://localhost:${resets}`);
    const { records } = await valid(probeRun(options([target], FAST), deps));
    expect(records[0]).toMatchObject({ operation: 'tls_handshake', failure: 'connection_reset' });
    expect(records[0]?.variants.map(({ variant, failure }) => [variant, failure])).toEqual(
      ['no_sni', 'innocent_sni', 'tls13', 'tls12', 'split_hello'].map((name) => [name, 'connection_reset']),
    );
  });

  it('moves bulk to and from the collector when asked, and never to a pool', async () => {
    let poolBytes = 0;
    const well = await listening(
      createServer((socket) => {
        socket.on('data', (data) => {
          poolBytes += data.length;
          socket.write('{"id":1,"result":[]}\n');
        });
      }),
    );
    const url = await collector();
    const collectors = [{ url, pins: [], token: 'sr1.test' }];
    const targets = [pool(`stratum+tcp://127.0.0.1:${well}`), collectorRunTarget(url)];
    const change = { collectors, isBulkDue: true, isWatched: true };
    const { records, bulk } = await valid(probeRun(options(targets, FAST, change), deps));
    expect(bulk.map(({ form, wanted, failure }) => [form, wanted, failure])).toEqual([
      ['messages', 40, null],
      ['pull', 65_536, null],
      ['push', 65_536, null],
    ]);
    expect(records[0]?.stalls).toMatchObject([{ end: 'alive' }]);
    expect(records[1]?.addresses[0]?.http).toMatchObject({ failure: null, status: 200 });
    expect(poolBytes).toBeLessThan(200);
  });

  it('lets a pool rest that was connected to a moment ago', async () => {
    const well = await listening(
      createServer((socket) => void socket.on('data', () => socket.write('{"id":1,"result":[]}\n'))),
    );
    const target = pool(`stratum+tcp://127.0.0.1:${well}`);
    const rest = new Map([['127.0.0.1', realClock.nowMs()]]);
    const begun = performance.now();
    await probeRun(options([target], { ...FAST, pool_rest_ms: 200 }, { rest }), deps);
    expect(performance.now() - begun).toBeGreaterThan(150);
    expect(rest.get('127.0.0.1')).toBeGreaterThan(0);
  });
});
