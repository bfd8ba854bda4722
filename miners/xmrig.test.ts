import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseApi } from './xmrig-api.ts';
import { xmrig } from './xmrig.ts';

/** 6.26.0; composed from the documented fields. */
const summary = {
  id: 'ab',
  worker_id: 'r1',
  uptime: 3600,
  restricted: true,
  results: { diff_current: 100_001, shares_good: 60, shares_total: 62, hashes_total: 6_000_060, error_log: [] },
  algo: 'rx/0',
  connection: { pool: '127.0.0.1:7001', uptime: 3590, ping: 60, accepted: 60, rejected: 2 },
  version: '6.26.0',
  kind: 'miner',
  ua: 'XMRig/6.26.0 (Linux x86_64) libuv/1.51.0 gcc/13.2.1',
  hashrate: { total: [1700.1, 1699.8, null], highest: 1710.2 },
};

function read(change: object): ReturnType<typeof parseApi> {
  return parseApi(JSON.stringify({ ...summary, ...change }));
}

describe('xmrig command line', () => {
  it('is argv with the API on loopback and no donation through the relay', () => {
    const argv = xmrig.argv({
      binary: '/usr/bin/xmrig',
      algo: 'rx/0',
      pool: { host: '127.0.0.1', port: 7001, tls: null },
      wallet: '4Wallet',
      worker: 'rig-1',
      password: 'x',
      apiPort: 7002,
      extraArgs: ['--randomx-mode', 'light'],
    });
    expect(argv.join(' ')).toBe(
      '/usr/bin/xmrig -o stratum+tcp://127.0.0.1:7001 -u 4Wallet -p x --rig-id rig-1 -a rx/0 -r 1 -R 1 ' +
        '--http-host 127.0.0.1 --http-port 7002 --no-color --print-time 30 -l /dev/stdout --donate-level 0 --donate-over-proxy 0 ' +
        '--randomx-mode light',
    );
  });
});

describe('xmrig API', () => {
  it('reads a whole answer', () => {
    expect(read({})).toEqual({
      name: 'xmrig',
      version: '6.26.0',
      algo: 'rx/0',
      uptime_s: 3600,
      claimed_hs: 1700.1,
      gpus: [],
      accepted: 60,
      rejected: 2,
    });
  });

  it('takes the shortest window that is known', () => {
    expect(read({ hashrate: { total: [null, 1699.8, 1690] } })?.claimed_hs).toBe(1699.8);
    expect(read({ hashrate: { total: [0, 1699.8, 1690] } })?.claimed_hs).toBe(0);
  });

  it('knows no hashrate right after the start, which is not zero', () => {
    expect(read({ hashrate: { total: [null, null, null] } })?.claimed_hs).toBeNull();
  });

  it('reads an answer before the first job and without results', () => {
    const sample = read({ algo: null, results: undefined, ua: undefined });
    expect(sample).toMatchObject({ name: null, algo: null, accepted: null, rejected: null, claimed_hs: 1700.1 });
  });

  it.each([
    ['truncated JSON', JSON.stringify(summary).slice(0, 90)],
    ['HTML', '<html></html>'],
    ['an error object', '{"status":404,"error":"NOT_FOUND"}'],
    ['a hashrate of a wrong type', '{"hashrate":1}'],
  ])('is null for %s', (_what, text) => {
    expect(parseApi(text)).toBeNull();
  });

  it('never throws', () => {
    const total = fc.array(fc.oneof(fc.jsonValue(), fc.double()));
    const near = fc.record({ hashrate: fc.record({ total }), results: fc.jsonValue(), uptime: fc.jsonValue() });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          near.map((o) => JSON.stringify(o)),
        ),
        (text) => {
          const rate = parseApi(text)?.claimed_hs;
          expect(rate == null || (Number.isFinite(rate) && rate >= 0)).toBe(true);
        },
      ),
    );
  });
});

describe('xmrig log', () => {
  it.each([
    ['[2026-03-28 10:00:00.000]  randomx  init dataset algo rx/0 (2 threads) seed 9f3a...', 'dag_begin'],
    ['[2026-03-28 10:00:00.000]  randomx  init datasets algo rx/0 (64 threads) seed 9f3a...', 'dag_begin'],
    ['[2026-03-28 10:00:09.000]  randomx  dataset ready (9123 ms)', 'dag_done'],
    ['[2026-03-28 10:00:09.000]  randomx  #1 dataset ready (9123 ms)', 'dag_done'],
    ['randomx  failed to allocate RandomX memory (3 ms)', 'out_of_memory'],
    ['randomx  failed to allocate RandomX dataset, switching to slow mode (3 ms)', null],
    [' net      127.0.0.1:7001 error: "Unauthenticated", code: -1', 'login_refused'],
    [' net      127.0.0.1:7001 error: "Invalid payment address provided", code: -1', 'login_refused'],
    [' net      127.0.0.1:7001 login error code: 2', 'login_refused'],
    [' net      127.0.0.1:7001 error: "Low difficulty share", code: -1', null],
    [' cpu      accepted (1/0) diff 100001 (60 ms)', null],
  ])('%s', (line, sign) => {
    expect(xmrig.logSign(line)).toBe(sign);
  });
});
