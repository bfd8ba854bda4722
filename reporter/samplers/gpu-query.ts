// The words of nvidia-smi: fields to ask for, and what its lines mean. Pure.
import { GPUS_MAX } from '../../wire/limits.ts';
import type { GpuSample } from '../../wire/records.ts';
import * as fit from '../fit.ts';

/** Fields of every sample, by nvidia-smi's names; MiB, W, °C, %, MHz. */
export const SAMPLE_FIELDS = [
  'index',
  'uuid',
  'pci.bus_id',
  'name',
  'power.draw',
  'power.limit',
  'temperature.gpu',
  'temperature.memory',
  'fan.speed',
  'clocks.sm',
  'clocks.mem',
  'utilization.gpu',
  'memory.used',
  'clocks_event_reasons.active',
  'pcie.link.gen.current',
  'pcie.link.width.current',
  'pcie.link.width.max',
] as const;

/** Drivers before 535 know this field by its older name only. */
const OLDER_NAME: Readonly<Record<string, string>> = {
  'clocks_event_reasons.active': 'clocks_throttle_reasons.active',
};

/** NVML's nvmlClocksEventReason* bits (nvml.h). */
const REASON_BITS: readonly [number, NonNullable<GpuSample['throttle']>[number]][] = [
  [0x1, 'gpu_idle'],
  [0x2, 'applications_clocks_setting'],
  [0x4, 'sw_power_cap'],
  [0x8, 'hw_slowdown'],
  [0x10, 'sync_boost'],
  [0x20, 'sw_thermal_slowdown'],
  [0x40, 'hw_thermal_slowdown'],
  [0x80, 'hw_power_brake_slowdown'],
];

/** Command line of a query for every GPU; repeated every `loopS` seconds when given. */
export function queryArgv(tool: string, fields: readonly string[], loopS?: number): string[] {
  const loop = loopS === undefined ? [] : ['-l', String(loopS)];
  return [tool, `--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits', ...loop];
}

/** The fields to ask for after this driver refused one: its older name, or without it. null when the line refuses none. */
export function withoutRefused(fields: readonly string[], line: string): string[] | null {
  const refused = /Field "([\w.]+)" is not a valid field to query/.exec(line)?.[1];
  if (refused === undefined || !fields.includes(refused)) return null;
  const older = OLDER_NAME[refused];
  return fields.flatMap((f) => (f !== refused ? [f] : older === undefined ? [] : [older]));
}

/** One row by field name, or null for a line that is no row of these fields (an error text, half a line). */
export function parseRow(fields: readonly string[], line: string): Map<string, string> | null {
  const cells = line.split(',').map((cell) => cell.trim());
  if (cells.length !== fields.length) return null;
  const row = new Map(fields.map((field, i) => [field, cells[i] ?? '']));
  return numberCell(row, 'index') === null ? null : row;
}

/** A cell's text; null for `[N/A]`, `[Not Supported]`, `[GPU is lost]`, `[Unknown Error]`, `ERR!` and the like. */
export function textCell(row: ReadonlyMap<string, string>, field: string): string | null {
  const text = row.get(field) ?? '';
  return text === '' || /^\[.*\]$|^ERR!|^N\/A$|unknown error|gpu is lost|not supported/i.test(text)
    ? null
    : fit.name(text);
}

/** A cell's number; null when it is none. Not rounded: the caller knows what it counts. */
export function numberCell(row: ReadonlyMap<string, string>, field: string): number | null {
  const text = textCell(row, field);
  return text !== null && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

/** A cell in MiB as bytes. */
export function mebibytesCell(row: ReadonlyMap<string, string>, field: string): number | null {
  const mebibytes = numberCell(row, field);
  return mebibytes === null ? null : fit.count(mebibytes * 1_048_576);
}

/** A row of SAMPLE_FIELDS, whatever of them this driver knows, as the wire has it. */
export function sampleOf(row: ReadonlyMap<string, string>): GpuSample {
  const amount = (field: string): number | null => fit.amount(numberCell(row, field));
  const count = (field: string): number | null => fit.count(numberCell(row, field));
  return {
    index: count('index') ?? 0,
    uuid: textCell(row, 'uuid'),
    pci_bus: textCell(row, 'pci.bus_id'),
    model: textCell(row, 'name'),
    power_w: amount('power.draw'),
    power_limit_w: amount('power.limit'),
    temperature_c: numberCell(row, 'temperature.gpu'),
    memory_temperature_c: numberCell(row, 'temperature.memory'),
    fan_pct: amount('fan.speed'),
    core_mhz: amount('clocks.sm'),
    memory_mhz: amount('clocks.mem'),
    utilization_pct: amount('utilization.gpu'),
    memory_used_bytes: mebibytesCell(row, 'memory.used'),
    throttle: reasons(textCell(row, 'clocks_event_reasons.active') ?? textCell(row, 'clocks_throttle_reasons.active')),
    pcie_gen: count('pcie.link.gen.current'),
    pcie_width: count('pcie.link.width.current'),
    pcie_width_max: count('pcie.link.width.max'),
  };
}

/** Bits that have no name here are left out. */
function reasons(hex: string | null): GpuSample['throttle'] {
  if (hex === null || !/^0x[0-9a-f]{1,16}$/i.test(hex)) return null;
  const mask = BigInt(hex);
  return REASON_BITS.flatMap(([bit, reason]) => ((mask & BigInt(bit)) === 0n ? [] : [reason]));
}

/** Keeps the newest sample of each GPU; the wire has room for 32. */
export function newestOf(samples: Iterable<GpuSample>): GpuSample[] {
  return [...samples].toSorted((a, b) => a.index - b.index).slice(0, GPUS_MAX);
}
