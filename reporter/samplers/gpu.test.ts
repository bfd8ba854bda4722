import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Child, ExitInfo, SpawnOptions } from '../../platform/process.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { GpuRecord } from '../../wire/records.ts';
import type { EventInput } from '../run-view.ts';
import { SAMPLE_FIELDS } from './gpu-query.ts';
import { GpuSampler } from './gpu.ts';

/** A fake nvidia-smi: the test writes its lines and ends it. */
class FakeTool {
  readonly stdout = new PassThrough();
  readonly signals: string[] = [];
  readonly argv: readonly string[];
  #exit: (exit: ExitInfo) => void = () => undefined;
  readonly child: Child;

  constructor(o: SpawnOptions) {
    this.argv = o.argv;
    const exited = new Promise<ExitInfo>((resolve) => (this.#exit = resolve));
    this.child = { pid: 1, stdout: this.stdout, exited, kill: (signal) => this.signals.push(signal) };
  }

  end(exit: Partial<ExitInfo>): void {
    this.stdout.end();
    this.#exit({ code: null, signal: null, error: null, ...exit });
  }
}

let clock: FakeClock;
let tools: FakeTool[];
let events: EventInput[];
let sampler: GpuSampler;

beforeEach(() => {
  clock = new FakeClock();
  tools = [];
  events = [];
  sampler = new GpuSampler({
    tool: '/usr/bin/nvidia-smi',
    env: {},
    clock,
    random: () => 1,
    needed: true,
    spawn: (o) => {
      const tool = new FakeTool(o);
      tools.push(tool);
      return tool.child;
    },
    onEvent: (e) => events.push(e),
  });
  sampler.start();
});

function row(index: number, power: string): string {
  return `${index}, GPU-${index}, 00000000:0${index}:00.0, RTX 3070, ${power}, 130, 61, [N/A], 55, 1395, 6800, 100, 4512, 0x4, 3, 1, 16\n`;
}

function powers(): (number | null)[] | null {
  const record = sampler.record();
  return record === null ? null : GpuRecord.parse(record).gpus.map((g) => g.power_w);
}

describe('GpuSampler', () => {
  it('knows nothing before the first row, then every card, also from rows in pieces', async () => {
    expect(sampler.record()).toBeNull();
    tools[0]?.stdout.write(row(0, '100') + row(1, '110').slice(0, 30));
    await clock.advance(1);
    expect(powers()).toEqual([100]);
    tools[0]?.stdout.write(row(1, '110').slice(30));
    await clock.advance(5000);
    expect(powers()).toEqual([100, 110]);
  });

  it('keeps the other cards when one is lost', async () => {
    tools[0]?.stdout.write(row(0, '100') + row(1, '110'));
    for (let i = 0; i < 4; i++) {
      await clock.advance(5000);
      tools[0]?.stdout.write(
        `${row(0, '101')}Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.\n`,
      );
    }
    await clock.advance(1);
    expect(powers()).toEqual([101]);
    tools[0]?.stdout.write(row(1, '[GPU is lost]'));
    await clock.advance(1);
    expect(powers()).toEqual([101, null]);
    expect(events).toEqual([]);
  });

  it('asks an older driver by the older name, at once and without an event', async () => {
    tools[0]?.stdout.write('Field "clocks_event_reasons.active" is not a valid field to query.\n\n');
    tools[0]?.end({ code: 2 });
    await clock.advance(1);
    expect(tools[1]?.argv[1]).toContain('clocks_throttle_reasons.active');
    expect(events).toEqual([]);
  });

  it('says once that the tool is absent, and does not look again', async () => {
    tools[0]?.end({ error: Object.assign(new Error('spawn'), { code: 'ENOENT' }) });
    await clock.advance(3_600_000);
    expect(events).toMatchObject([{ event: 'gpu_tool_absent', level: 'warn' }]);
    expect(tools).toHaveLength(1);
    expect(sampler.record()).toBeNull();
  });

  it('starts it again with growing pauses when it ends, and says why once', async () => {
    for (const [i, pause] of [10_000, 20_000, 40_000].entries()) {
      tools[i]?.stdout.write('No devices were found\n');
      tools[i]?.end({ code: 6 });
      await clock.advance(pause - 1);
      expect(tools).toHaveLength(i + 1);
      await clock.advance(1);
      expect(tools).toHaveLength(i + 2);
    }
    expect(events).toMatchObject([
      { event: 'gpu_tool_failed', detail: 'nvidia-smi ended (exit 6): No devices were found' },
    ]);
    expect(sampler.record()).toBeNull();
  });

  it('kills one that hangs; one that cannot be killed is not started a second time', async () => {
    tools[0]?.stdout.write(row(0, '100'));
    await clock.advance(20_000);
    expect(sampler.record()).toBeNull();
    await clock.advance(100_000);
    expect(tools[0]?.signals).toEqual(['SIGKILL']);
    expect(events).toMatchObject([{ event: 'gpu_tool_failed', detail: 'nvidia-smi said nothing for 60 s' }]);
    expect(tools).toHaveLength(1);
    tools[0]?.end({ signal: 'SIGKILL' });
    await clock.advance(10_000);
    expect(tools).toHaveLength(2);
    expect(events).toHaveLength(1);
    expect(SAMPLE_FIELDS).toHaveLength(17);
  });

  it('ends with the worker', async () => {
    sampler.stop();
    expect(tools[0]?.signals).toEqual(['SIGKILL']);
    tools[0]?.end({ signal: 'SIGKILL' });
    await clock.advance(3_600_000);
    expect(tools).toHaveLength(1);
    expect(events).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
