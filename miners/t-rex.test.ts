import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MinerLaunch, MinerSample } from './miner.ts';
import { parseApi } from './t-rex-api.ts';
import { tRex } from './t-rex.ts';

const launch: MinerLaunch = {
  binary: '/home/sr/artifacts/7e/t-rex',
  algo: 'kawpow',
  pool: { host: '127.0.0.1', port: 7001, tls: null },
  wallet: 'RWallet',
  worker: 'rig-1',
  password: 'x',
  apiPort: 7002,
  extraArgs: ['-d', '0,1'],
};

/** 0.26.8 with two cards; composed from the documented fields. */
const summary = {
  name: 't-rex',
  version: '0.26.8',
  api: '4.1',
  algorithm: 'kawpow',
  uptime: 3600,
  driver: '535.183',
  gpu_total: 2,
  accepted_count: 91,
  rejected_count: 1,
  invalid_count: 0,
  hashrate: 62_600_000,
  paused: false,
  success: 1,
  active_pool: { url: 'stratum+tcp://127.0.0.1:7001', difficulty: '4.29 G', ping: 48, last_submit_ts: 1_767_225_600 },
  dual_stat: { hashrate: 999, gpus: [] },
  gpus: [
    { device_id: 0, gpu_id: 0, pci_bus: 1, name: 'RTX 3070', hashrate: 31_300_000, hashrate_instant: 31_310_000 },
    { device_id: 1, gpu_id: 1, pci_bus: 10, name: 'RTX 3070', hashrate: 31_300_000 },
  ],
};

function read(change: object): MinerSample | null {
  return parseApi(JSON.stringify({ ...summary, ...change }));
}

describe('t-rex command line', () => {
  it('is argv, ends in the extra arguments, and keeps the API on loopback', () => {
    expect(tRex.argv(launch).join(' ')).toBe(
      '/home/sr/artifacts/7e/t-rex -a kawpow -o stratum+tcp://127.0.0.1:7001 -u RWallet -w rig-1 -p x -R 1 ' +
        '--api-bind-http 127.0.0.1:7002 --api-read-only --no-watchdog --no-color --no-new-block-info ' +
        '-N 30 --gpu-report-interval 60 -d 0,1',
    );
  });

  it('keeps TLS where it talks to the pool itself', () => {
    const pool = { host: 'ru.example', port: 5130, tls: { sni: 'ru.example' } };
    const argv = tRex.argv({ ...launch, pool }).join(' ');
    expect(argv).toContain('-o stratum+ssl://ru.example:5130 --no-strict-ssl -u');
    const nameless = tRex.argv({ ...launch, pool: { ...pool, tls: { sni: null } } }).join(' ');
    expect(nameless).toContain('--no-strict-ssl --no-sni -u');
  });
});

describe('t-rex API', () => {
  it('reads a whole answer', () => {
    expect(read({})).toEqual({
      name: 't-rex',
      version: '0.26.8',
      algo: 'kawpow',
      uptime_s: 3600,
      claimed_hs: 62_600_000,
      gpus: [
        { index: 0, pci_bus: '00000000:01:00.0', hashrate_hs: 31_300_000 },
        { index: 1, pci_bus: '00000000:0A:00.0', hashrate_hs: 31_300_000 },
      ],
      accepted: 91,
      rejected: 1,
    });
  });

  it('takes the sum of the cards while the total lags', () => {
    expect(read({ hashrate: 0 })?.claimed_hs).toBe(62_600_000);
    expect(read({ hashrate: 0.6 * 62_600_000 })?.claimed_hs).toBe(62_600_000);
    expect(read({ hashrate: 0.7 * 62_600_000 })?.claimed_hs).toBe(0.7 * 62_600_000);
  });

  it('says zero during the DAG, where every figure is zero', () => {
    const gpus = summary.gpus.map((gpu) => ({ ...gpu, hashrate: 0 }));
    expect(read({ hashrate: 0, gpus })?.claimed_hs).toBe(0);
  });

  it('reads an older answer without bus numbers and with a numeric difficulty', () => {
    const sample = read({
      version: '0.19.14',
      active_pool: { difficulty: 4.29 },
      gpus: [{ gpu_id: 0, hashrate: 62_600_000 }],
    });
    expect(sample?.version).toBe('0.19.14');
    expect(sample?.gpus).toEqual([{ index: 0, pci_bus: null, hashrate_hs: 62_600_000 }]);
  });

  it('turns fields of a wrong type into null and keeps the rest', () => {
    const sample = read({ version: 26, uptime: '1h', accepted_count: -1, rejected_count: 1.5, gpus: [null, 'x', {}] });
    expect(sample).toMatchObject({ version: null, uptime_s: null, accepted: null, rejected: null, algo: 'kawpow' });
    expect(sample?.gpus.map((gpu) => gpu.hashrate_hs)).toEqual([null, null, null]);
  });

  it('knows no total where a card is unknown and the total is missing', () => {
    expect(read({ hashrate: null, gpus: [{ hashrate: 5 }, {}] })?.claimed_hs).toBeNull();
    expect(read({ hashrate: null })?.claimed_hs).toBe(62_600_000);
  });

  it('stays finite on absurd figures', () => {
    const gpus = [{ hashrate: 1.7e308 }, { hashrate: 1.7e308 }];
    expect(read({ hashrate: null, gpus })?.claimed_hs).toBeNull();
  });

  it.each([
    ['truncated JSON', JSON.stringify(summary).slice(0, 200)],
    ['HTML', '<!doctype html><html><body>502</body></html>'],
    ['nothing', ''],
    ['an error object', '{"success":0,"error":"not found"}'],
    ['a list', '[]'],
    ['NaN', '{"hashrate":NaN}'],
  ])('is null for %s', (_what, text) => {
    expect(parseApi(text)).toBeNull();
  });

  it('never throws and never gives a figure that the wire refuses', () => {
    const field = fc.oneof(fc.jsonValue(), fc.double(), fc.string());
    const near = fc.record(
      {
        hashrate: field,
        uptime: field,
        version: field,
        accepted_count: field,
        gpus: fc.array(fc.record({ hashrate: field, pci_bus: field })),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          near.map((o) => JSON.stringify(o)),
        ),
        (text) => {
          const sample = parseApi(text);
          for (const figure of [sample?.claimed_hs, sample?.uptime_s, sample?.accepted]) {
            expect(figure == null || (Number.isFinite(figure) && figure >= 0)).toBe(true);
          }
        },
      ),
    );
  });
});

describe('t-rex log', () => {
  it.each([
    ['20210114 16:32:24 GPU #1: generating DAG 4.03 GB for epoch 388 ...', 'dag_begin'],
    ['20210114 16:32:30 GPU #1: DAG generated [crc: 49759add, time: 6614 ms], memory left: 5.53 GB', 'dag_done'],
    ["Can't find nonce with device [ID=0, GPU #0], cuda exception: CUDA_ERROR_ILLEGAL_ADDRESS", 'cuda_error'],
    ["Can't find nonce with device [ID=0, GPU #0], cuda exception: CUDA_ERROR_OUT_OF_MEMORY", 'out_of_memory'],
    ['Device does not have enough free memory to hold the DAG for epoch 65. Required: 5.08 GB', 'out_of_memory'],
    ['WARN: NVML: GPU is lost', 'gpu_lost'],
    ['T-Rex has a problem with GPU, terminating...', 'gpu_lost'],
    ['ERROR: Authorization failed: unknown wallet', 'login_refused'],
    ['20210209 22:36:41 Authorized successfully.', null],
    ['20210209 22:36:41 Authorizing...', null],
    ['[ OK ] 1/1 - 31.30 MH/s, 48ms ... GPU #0', null],
    ['WARN: NVML: NVML error, code 12', null],
  ])('%s', (line, sign) => {
    expect(tRex.logSign(line)).toBe(sign);
  });
});
