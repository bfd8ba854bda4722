import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MinerLaunch, MinerSample } from './miner.ts';
import { parseApi } from './rigel-api.ts';
import { rigel } from './rigel.ts';

const launch: MinerLaunch = {
  binary: '/home/sr/artifacts/ea/rigel',
  algo: 'kawpow',
  pool: { host: '127.0.0.1', port: 7001, tls: null },
  wallet: 'RWallet',
  worker: 'rig-1',
  password: 'x',
  apiPort: 7002,
  extraArgs: ['-d', '0,1'],
};

const shares = { kawpow: { accepted: 91, rejected: 1, invalid: 0 } };
const device = {
  id: 0,
  selected: true,
  name: 'RTX 5060 Ti',
  pci_address: '01:00',
  state: 'mining',
  solution_stat: shares,
  monitoring_info: { core_temperature: 58, memory_temperature: null, power_usage: 121.4 },
  hashrate: { kawpow: 21_200_000 },
  pool_hashrate: { kawpow: 20_900_000 },
  crash_count: 0,
};
/** 1.23.2 with two cards that mine and one that was not chosen; composed from the documented fields. */
const stat = {
  name: 'Rigel',
  version: '1.23.2',
  os_name: 'Linux',
  cuda_driver: '12.8',
  uptime: 3600,
  algorithm: 'kawpow',
  watchdog: 'off',
  pools: {
    kawpow: [
      {
        id: 0,
        connection_details: {
          ...{ protocol: 'stratum', username: 'RWalletOfTheOwner', password: 'pool-password', worker: 'rig-1' },
          ...{ hostname: '127.0.0.1', port: 7001, ssl: false, dns_mode: 'os' },
        },
        state: { issued_job: '4.29G' },
        solution_stat: { accepted: 91, rejected: 1, invalid: 0 },
        average_latency_ms: 52,
      },
    ],
  },
  devices: [
    device,
    { ...device, id: 1, selected: false, pci_address: '02:00', state: 'idle', hashrate: null },
    { ...device, id: 2, pci_address: '0a:00' },
  ],
  solution_stat: shares,
  hashrate: { kawpow: 42_400_000 },
  power_usage: 242.8,
};

function read(change: object): MinerSample | null {
  return parseApi(JSON.stringify({ ...stat, ...change }));
}

describe('rigel command line', () => {
  it('is argv, ends in the extra arguments, and keeps the API on loopback', () => {
    expect(rigel.argv(launch).join(' ')).toBe(
      '/home/sr/artifacts/ea/rigel -a kawpow -o stratum+tcp://127.0.0.1:7001 -u RWallet -w rig-1 -p x ' +
        '--api-bind 127.0.0.1:7002 --no-tui --no-colour --no-watchdog --dag-reset-mclock off ' +
        '--hashrate-avg 30 --stats-interval 60 -d 0,1',
    );
  });

  it('takes a certificate that the pool signed itself, where it talks to the pool itself', () => {
    const pool = { host: 'ru.example', port: 5130, tls: { sni: 'ru.example' } };
    expect(rigel.argv({ ...launch, pool }).join(' ')).toContain('-o stratum+ssl://ru.example:5130 --no-strict-ssl -u');
  });
});

describe('rigel API', () => {
  it('reads a whole answer, without cards that do not mine', () => {
    expect(read({})).toEqual({
      name: 'rigel',
      version: '1.23.2',
      algo: 'kawpow',
      uptime_s: 3600,
      claimed_hs: 42_400_000,
      gpus: [
        { index: 0, pci_bus: '00000000:01:00.0', hashrate_hs: 21_200_000 },
        { index: 2, pci_bus: '00000000:0A:00.0', hashrate_hs: 21_200_000 },
      ],
      accepted: 91,
      rejected: 1,
    });
  });

  it('takes nothing of the pool’s login along', () => {
    const text = JSON.stringify(read({}));
    expect(JSON.stringify(stat)).toContain('pool-password');
    expect(text).not.toMatch(/pool-password|RWalletOfTheOwner/);
  });

  it('is null while nothing is known of a rate, and 0 where the miner says 0', () => {
    const idle = { ...device, hashrate: null };
    expect(read({ hashrate: null, devices: [idle] })?.claimed_hs).toBeNull();
    expect(read({ hashrate: { kawpow: 0 } })?.claimed_hs).toBe(0);
  });

  it('sums the cards where the total is missing', () => {
    expect(read({ hashrate: {} })?.claimed_hs).toBe(42_400_000);
  });

  it('reads the first of two algorithms', () => {
    const hashrate = { kawpow: 40, alephium: 999 };
    const devices = [{ ...device, hashrate }];
    expect(read({ algorithm: 'kawpow+alephium', hashrate, devices })).toMatchObject({
      algo: 'kawpow',
      claimed_hs: 40,
      gpus: [{ hashrate_hs: 40 }],
    });
  });

  it('takes the only figure there is, where the miner has another name for the algorithm', () => {
    expect(read({ algorithm: 'ravencoin' })?.claimed_hs).toBe(42_400_000);
    expect(read({ algorithm: 'other', hashrate: { a: 1, b: 2 }, devices: [] })?.claimed_hs).toBeNull();
  });

  it('turns fields of a wrong type into null and keeps the rest', () => {
    const devices = [null, 'x', { id: -1, pci_address: 'nowhere' }];
    const sample = read({ version: 1.23, uptime: '1h', solution_stat: [], hashrate: { kawpow: 'fast' }, devices });
    expect(sample).toMatchObject({ version: null, uptime_s: null, accepted: null, rejected: null, algo: 'kawpow' });
    expect(sample?.claimed_hs).toBeNull();
    expect(sample?.gpus.map(({ pci_bus, hashrate_hs }) => [pci_bus, hashrate_hs])).toEqual(
      Array.from({ length: 3 }, () => [null, null]),
    );
  });

  it.each([
    ['truncated JSON', JSON.stringify(stat).slice(0, 200)],
    ['HTML', '<!doctype html><html><body>502</body></html>'],
    ['nothing', ''],
    ['an error object', '{"error":"not found"}'],
    ['a list', '[]'],
    ['NaN', '{"hashrate":NaN}'],
  ])('is null for %s', (_what, text) => {
    expect(parseApi(text)).toBeNull();
  });

  it('never throws and never gives a figure that the wire refuses', () => {
    const field = fc.oneof(fc.jsonValue(), fc.double(), fc.string());
    const byAlgo = fc.oneof(field, fc.dictionary(fc.constantFrom('kawpow', '__proto__', 'toString'), field));
    const near = fc.record(
      {
        ...{ algorithm: fc.oneof(field, fc.constantFrom('kawpow', 'toString', '__proto__')), uptime: field },
        ...{ hashrate: byAlgo, solution_stat: byAlgo },
        devices: fc.array(fc.record({ hashrate: byAlgo, pci_address: field, selected: field })),
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
          const rates = sample?.gpus.map((gpu) => gpu.hashrate_hs) ?? [];
          for (const figure of [sample?.claimed_hs, sample?.uptime_s, sample?.accepted, ...rates]) {
            expect(figure == null || (Number.isFinite(figure) && figure >= 0)).toBe(true);
          }
        },
      ),
    );
  });
});

describe('rigel log', () => {
  it.each([
    ['[2023-10-04 18:21:26] GPU#1: building DAG', 'dag_begin'],
    ['[2023-10-04 18:21:36] GPU#1: CUDA error: out of memory', 'out_of_memory'],
    ['[2023-10-04 18:21:36] GPU#1: CUDA error 719: unspecified launch failure', 'cuda_error'],
    ['[2023-10-04 18:21:36] NVML error: GPU is lost', 'gpu_lost'],
    ['[2023-10-04 18:21:36] [ru.example:5030] authorization failed', 'login_refused'],
    ['[2023-10-04 18:21:25] [ru.example:5030] connected', null],
    ['[2023-10-04 18:21:26] Light cache built', null],
    ['NVML error: failed to load NVML', null],
  ])('%s', (line, sign) => {
    expect(rigel.logSign(line)).toBe(sign);
  });
});
