import { describe, expect, it } from 'vitest';
import { GpuSample } from '../../wire/records.ts';
import { mebibytesCell, newestOf, parseRow, queryArgv, sampleOf, SAMPLE_FIELDS, withoutRefused } from './gpu-query.ts';

const GOOD =
  '0, GPU-5d7a, 00000000:01:00.0, NVIDIA GeForce RTX 3070, 118.42, 130.00, 61, N/A, 55, 1395, 6800, 100, 4512, 0x0000000000000004, 3, 1, 16';

function sample(line: string): GpuSample {
  const row = parseRow(SAMPLE_FIELDS, line);
  if (row === null) throw new Error('no row');
  return GpuSample.parse(sampleOf(row));
}

describe('nvidia-smi rows', () => {
  it('become samples in the units of the wire', () => {
    expect(sample(GOOD)).toEqual({
      index: 0,
      uuid: 'GPU-5d7a',
      pci_bus: '00000000:01:00.0',
      model: 'NVIDIA GeForce RTX 3070',
      power_w: 118.42,
      power_limit_w: 130,
      temperature_c: 61,
      memory_temperature_c: null,
      fan_pct: 55,
      core_mhz: 1395,
      memory_mhz: 6800,
      utilization_pct: 100,
      memory_used_bytes: 4512 * 1_048_576,
      throttle: ['sw_power_cap'],
      pcie_gen: 3,
      pcie_width: 1,
      pcie_width_max: 16,
    });
  });

  it.each(['[N/A]', '[Not Supported]', '[GPU is lost]', '[Unknown Error]', 'ERR!', 'Unknown Error', ''])(
    'make null of %j, never 0',
    (word) => {
      const lost = sample(['1', ...Array<string>(SAMPLE_FIELDS.length - 1).fill(word)].join(', '));
      const { index, ...rest } = lost;
      expect(index).toBe(1);
      expect(Object.values(rest).every((v) => v === null)).toBe(true);
    },
  );

  it.each([
    ['0x0000000000000000', []],
    ['0x0000000000000001', ['gpu_idle']],
    ['0x00000000000000E8', ['hw_slowdown', 'sw_thermal_slowdown', 'hw_thermal_slowdown', 'hw_power_brake_slowdown']],
    ['0x8000000000000112', ['applications_clocks_setting', 'sync_boost']],
    ['Active', null],
  ])('read the reasons %s', (mask, expected) => {
    expect(sample(GOOD.replace('0x0000000000000004', mask)).throttle).toEqual(expected);
  });

  it.each([
    'No devices were found',
    'Unable to determine the device handle for GPU 0000:0B:00.0: GPU is lost.  Reboot the system to recover this GPU',
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    GOOD.slice(0, 60),
    GOOD.replace('0,', '[GPU is lost],'),
    '',
  ])('are told from %j', (line) => {
    expect(parseRow(SAMPLE_FIELDS, line)).toBeNull();
  });

  it('are asked for by argv', () => {
    expect(queryArgv('nvidia-smi', ['index', 'name'], 5)).toEqual([
      'nvidia-smi',
      '--query-gpu=index,name',
      '--format=csv,noheader,nounits',
      '-l',
      '5',
    ]);
  });

  it('take an older name for a refused field, or do without', () => {
    const refusal = (field: string): string => `Field "${field}" is not a valid field to query.`;
    const older = withoutRefused(SAMPLE_FIELDS, refusal('clocks_event_reasons.active')) ?? [];
    expect(older).toContain('clocks_throttle_reasons.active');
    expect(older).toHaveLength(SAMPLE_FIELDS.length);
    const none = withoutRefused(older, refusal('clocks_throttle_reasons.active')) ?? [];
    expect(none).toHaveLength(SAMPLE_FIELDS.length - 1);
    expect(withoutRefused(none, 'No devices were found')).toBeNull();
    expect(withoutRefused(none, refusal('another'))).toBeNull();
    const row = parseRow(older, GOOD);
    expect(row === null ? null : sampleOf(row).throttle).toEqual(['sw_power_cap']);
  });

  it('give MiB as bytes and keep at most 32 cards in order', () => {
    expect(mebibytesCell(new Map([['m', '8']]), 'm')).toBe(8_388_608);
    const many = Array.from({ length: 40 }, (_, i) => ({ ...sample(GOOD), index: 39 - i }));
    expect(newestOf(many).map((g) => g.index)).toEqual(Array.from({ length: 32 }, (_, i) => i));
  });
});
