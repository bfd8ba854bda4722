// The machine as it is: once per boot.
import { readFile, statfs } from 'node:fs/promises';
import * as os from 'node:os';
import { join } from 'node:path';
import { isErrno } from '../../platform/errors.ts';
import type { runForOutput } from '../../platform/process.ts';
import { GPUS_MAX } from '../../wire/limits.ts';
import type { HostGpu, HostRecord } from '../../wire/records.ts';
import * as fit from '../fit.ts';
import { mebibytesCell, numberCell, parseRow, queryArgv, textCell, withoutRefused } from './gpu-query.ts';

/** nvidia-smi without its persistence daemon may take seconds for each card. */
const TOOL_TIMEOUT_MS = 30_000;
const TOOL_MAX_BYTES = 64 * 1024;

const HOST_FIELDS = [
  'index',
  'uuid',
  'pci.bus_id',
  'name',
  'memory.total',
  'power.limit',
  'power.max_limit',
  'pcie.link.gen.max',
  'pcie.link.width.max',
  'driver_version',
] as const;

/** What the settings and the release say. */
export type HostExtras = Pick<HostRecord, 'release' | 'payload_sha256' | 'server' | 'expect' | 'country'>;

export interface HostOptions {
  extras: HostExtras;
  /** Whose disk counts. */
  home: string;
  tool: string;
  env: Record<string, string>;
  run: typeof runForOutput;
  nowMs: number;
  /** Where `/etc`, `/sys` and `/usr` are; another folder in tests. */
  root?: string;
}

/** Reads the host's facts; what cannot be read is null. Never throws for that. */
export async function readHost(o: HostOptions): Promise<HostRecord> {
  const root = o.root ?? '/';
  const [osName, quota, memoryLimit, disk, nvidia] = await Promise.all([
    prettyName(root),
    cpuQuota(root),
    memoryMax(root),
    statfs(o.home).catch(() => null),
    readNvidia(o),
  ]);
  return {
    kind: 'host',
    at_ms: o.nowMs,
    ...o.extras,
    os: fit.name(osName),
    kernel: fit.name(os.release()),
    arch: fit.name(process.arch),
    cpu_model: fit.name(os.cpus()[0]?.model ?? null),
    cpu_cores: Math.max(1, Math.floor(Math.min(os.availableParallelism(), quota ?? Infinity))),
    memory_bytes: fit.count(Math.min(os.totalmem(), memoryLimit ?? Infinity)),
    disk_free_bytes: disk === null ? null : fit.count(disk.bavail * disk.bsize),
    ...nvidia,
  };
}

async function readNvidia(o: HostOptions): Promise<Pick<HostRecord, 'driver_version' | 'cuda_version' | 'gpus'>> {
  const limits = { env: o.env, timeoutMs: TOOL_TIMEOUT_MS, maxBytes: TOOL_MAX_BYTES };
  const head = await o.run({ argv: [o.tool], ...limits });
  if (isErrno(head.error, 'ENOENT', 'EACCES')) return { driver_version: null, cuda_version: null, gpus: null };
  let fields: readonly string[] = HOST_FIELDS;
  for (;;) {
    const { stdout } = await o.run({ argv: queryArgv(o.tool, fields), ...limits });
    const fewer = withoutRefused(fields, stdout);
    if (fewer !== null) {
      fields = fewer;
      continue;
    }
    const rows = stdout.split('\n').flatMap((line) => parseRow(fields, line) ?? []);
    const driver = rows[0] === undefined ? null : textCell(rows[0], 'driver_version');
    return {
      driver_version: driver ?? fit.name(/Driver Version:\s*([\d.]+)/.exec(head.stdout)?.[1] ?? null),
      cuda_version: fit.name(/CUDA(?: \w+)? Version:\s*([\d.]+)/.exec(head.stdout)?.[1] ?? null),
      gpus: rows.slice(0, GPUS_MAX).map((row) => hostGpu(row)),
    };
  }
}

function hostGpu(row: ReadonlyMap<string, string>): HostGpu {
  return {
    index: fit.count(numberCell(row, 'index')) ?? 0,
    uuid: textCell(row, 'uuid'),
    pci_bus: textCell(row, 'pci.bus_id'),
    model: textCell(row, 'name'),
    memory_bytes: mebibytesCell(row, 'memory.total'),
    power_limit_w: fit.amount(numberCell(row, 'power.limit')),
    power_limit_max_w: fit.amount(numberCell(row, 'power.max_limit')),
    pcie_gen_max: fit.count(numberCell(row, 'pcie.link.gen.max')),
    pcie_width_max: fit.count(numberCell(row, 'pcie.link.width.max')),
  };
}

/** os-release(5). */
async function prettyName(root: string): Promise<string | null> {
  const text = (await read(root, 'etc/os-release')) ?? (await read(root, 'usr/lib/os-release'));
  return /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(text ?? '')?.[1] ?? null;
}

/** Cores that the container may use, by cgroup v2 `cpu.max` or v1's quota; null when it is not limited. */
async function cpuQuota(root: string): Promise<number | null> {
  const v2 = await read(root, 'sys/fs/cgroup/cpu.max');
  const v1 = async (name: string): Promise<string> => (await read(root, `sys/fs/cgroup/cpu/cpu.${name}`)) ?? '';
  const [quota, period] = (v2 ?? `${await v1('cfs_quota_us')} ${await v1('cfs_period_us')}`).trim().split(/\s+/);
  const cores = Number(quota) / Number(period);
  return Number.isFinite(cores) && cores > 0 ? cores : null;
}

/** Bytes that the container may use; null when it is not limited (`max`; v1 says a number beyond any machine). */
async function memoryMax(root: string): Promise<number | null> {
  const text =
    (await read(root, 'sys/fs/cgroup/memory.max')) ?? (await read(root, 'sys/fs/cgroup/memory/memory.limit_in_bytes'));
  const bytes = Number(text ?? NaN);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : null;
}

function read(root: string, path: string): Promise<string | null> {
  return readFile(join(root, path), 'utf8').catch(() => null);
}
