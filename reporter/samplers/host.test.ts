import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResult } from '../../platform/process.ts';
import { HostRecord } from '../../wire/records.ts';
import { readHost } from './host.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(os.tmpdir(), 'host-'));
});
afterEach(() => rm(root, { recursive: true }));

const extras = { release: '0.1.0', payload_sha256: null, server: '4711', expect: '2xRTX 3070', country: 'RU' };
const ran = (stdout: string, o: Partial<RunResult> = {}): RunResult => ({
  code: 0,
  signal: null,
  error: null,
  stdout,
  stderr: '',
  timedOut: false,
  ...o,
});
const absent = ran('', { code: null, error: Object.assign(new Error('spawn'), { code: 'ENOENT' }) });

async function host(run: (argv: readonly string[]) => RunResult): Promise<HostRecord> {
  return HostRecord.parse(
    await readHost({
      extras,
      home: root,
      tool: 'nvidia-smi',
      env: {},
      nowMs: 1000,
      root,
      run: (o) => Promise.resolve(run(o.argv)),
    }),
  );
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

describe('readHost', () => {
  it('gives null for what cannot be read, and the machine itself where no limit is set', async () => {
    const record = await host(() => absent);
    expect(record).toMatchObject({ ...extras, os: null, gpus: null, driver_version: null, cuda_version: null });
    expect(record.memory_bytes).toBe(os.totalmem());
    expect(record.cpu_cores).toBe(os.availableParallelism());
    expect(record.disk_free_bytes).toBeGreaterThan(0);
  });

  it('respects the limits of cgroup v2, and of v1', async () => {
    await put('etc/os-release', 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
    await put('sys/fs/cgroup/cpu.max', '100000 100000\n');
    await put('sys/fs/cgroup/memory.max', '1073741824\n');
    expect(await host(() => absent)).toMatchObject({
      cpu_cores: 1,
      memory_bytes: 1_073_741_824,
      os: 'Debian GNU/Linux 13 (trixie)',
    });
    await rm(join(root, 'sys'), { recursive: true });
    await put('sys/fs/cgroup/cpu/cpu.cfs_quota_us', '50000\n');
    await put('sys/fs/cgroup/cpu/cpu.cfs_period_us', '100000\n');
    await put('sys/fs/cgroup/memory/memory.limit_in_bytes', '9223372036854771712\n');
    expect(await host(() => absent)).toMatchObject({ cpu_cores: 1, memory_bytes: os.totalmem() });
  });

  it('asks nvidia-smi for the cards, without fields that this driver does not know', async () => {
    const header = '| NVIDIA-SMI 525.85.12    Driver Version: 525.85.12    CUDA Version: 12.0     |\n';
    const record = await host((argv) => {
      const query = argv[1];
      if (query === undefined) return ran(header);
      if (query.includes('power.max_limit'))
        return ran('Field "power.max_limit" is not a valid field to query.\n', { code: 2 });
      return ran(
        '0, GPU-a, 00000000:01:00.0, RTX 3070, 8192, 130.00, 4, 16, 525.85.12\n1, GPU-b, [N/A], RTX 3070, 8192, [N/A], 4, 16, 525.85.12\n',
      );
    });
    expect(record).toMatchObject({ driver_version: '525.85.12', cuda_version: '12.0' });
    expect(record.gpus).toMatchObject([
      {
        index: 0,
        uuid: 'GPU-a',
        memory_bytes: 8_589_934_592,
        power_limit_w: 130,
        power_limit_max_w: null,
        pcie_width_max: 16,
      },
      { index: 1, pci_bus: null, power_limit_w: null },
    ]);
  });

  it('tells no cards from no tool', async () => {
    expect(await host(() => ran('No devices were found\n', { code: 6 }))).toMatchObject({ gpus: [] });
  });
});
