// The GPU sampler and the host's facts against a real child process that speaks like nvidia-smi.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { runForOutput, spawnGroup } from '../../platform/process.ts';
import { GpuSampler } from '../../reporter/samplers/gpu.ts';
import { readHost } from '../../reporter/samplers/host.ts';
import type { EventInput } from '../../reporter/run-view.ts';
import { GpuRecord, HostRecord } from '../../wire/records.ts';

const FAKE = join(import.meta.dirname, '..', 'fakes', 'fake-nvidia-smi.sh');
let dir = '';
let env: Record<string, string>;
let events: EventInput[];
let sampler: GpuSampler | null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'smi-'));
  env = { PATH: process.env['PATH'] ?? '', FAKE_SMI_DIR: dir };
  events = [];
  sampler = null;
});
afterEach(async () => {
  sampler?.stop();
  await rm(dir, { recursive: true });
});

function start(tool = FAKE): GpuSampler {
  sampler = new GpuSampler({
    tool,
    env,
    clock: realClock,
    random: Math.random,
    spawn: spawnGroup,
    needed: true,
    onEvent: (e) => events.push(e),
  });
  sampler.start();
  return sampler;
}

describe('a GPU tool', () => {
  it('is one process that gives both cards, and ends with the sampler', async () => {
    const gpu = start();
    await expect.poll(() => gpu.record()?.gpus.length, { timeout: 10_000 }).toBe(2);
    expect(GpuRecord.parse(gpu.record()).gpus[0]).toMatchObject({
      pci_bus: '00000000:00:00.0',
      power_w: 118.42,
      memory_used_bytes: 8_589_934_592,
      temperature_c: null,
      throttle: ['sw_power_cap'],
    });
    expect((await readFile(join(dir, 'starts'), 'utf8')).trim().split('\n')).toHaveLength(1);
    expect(events).toEqual([]);
  });

  it('of an older driver is asked by the older names', async () => {
    await writeFile(join(dir, 'refuse'), 'clocks_event_reasons.active');
    const gpu = start();
    await expect.poll(() => gpu.record()?.gpus[1]?.throttle, { timeout: 10_000 }).toEqual(['sw_power_cap']);
    expect(events).toEqual([]);
  });

  it('with a lost card still gives the other', async () => {
    await writeFile(join(dir, 'lost'), '0');
    const gpu = start();
    await expect.poll(() => gpu.record()?.gpus.map((g) => g.index), { timeout: 10_000 }).toEqual([1]);
  });

  it('that is absent is one event and no record', async () => {
    const gpu = start(join(dir, 'nothing-here'));
    await expect.poll(() => events, { timeout: 10_000 }).toMatchObject([{ event: 'gpu_tool_absent' }]);
    expect(gpu.record()).toBeNull();
  });

  it('tells the facts of the host', async () => {
    await writeFile(join(dir, 'refuse'), 'power.max_limit');
    const extras = { release: '0.1.0', payload_sha256: null, server: null, expect: null, country: null };
    const host = await readHost({ extras, home: dir, tool: FAKE, env, run: runForOutput, nowMs: Date.now() });
    expect(HostRecord.parse(host)).toMatchObject({
      driver_version: '535.183.01',
      cuda_version: '12.2',
      gpus: [
        { index: 0, memory_bytes: 8_589_934_592, power_limit_w: null },
        { index: 1, model: 'NVIDIA GeForce RTX 3070' },
      ],
    });
  });
});
