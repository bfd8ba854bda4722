// From what nvidia-smi prints to the verdict, through the sampler and the host facts that ship.
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { adviseMachine } from '../../collector/judge/advice.ts';
import type { Timed } from '../../collector/store/store.ts';
import type { RunResult } from '../../platform/process.ts';
import { readHost } from '../../reporter/samplers/host.ts';
import { GpuSampler } from '../../reporter/samplers/gpu.ts';
import { GpuRecord, HostRecord } from '../../wire/records.ts';
import { FakeClock } from '../fakes/clock.ts';
import { machineFacts, NOW_MS, order } from '../fakes/machine-facts.ts';
import { SMI_CASES, type SmiCase } from '../fixtures/nvidia-smi.ts';

const STEP_MS = 5000;
const REPORT_MS = 15_000;
/** Of samples: what `throttled` looks at, and a bit more. */
const SPAN_MS = 2_100_000;
/** A card that is lost later is there for the first minute. */
const WELL_MS = 60_000;

async function hostOf({ host }: SmiCase): Promise<HostRecord> {
  const ran = (stdout: string): RunResult => ({
    code: 0,
    signal: null,
    error: null,
    stdout,
    stderr: '',
    timedOut: false,
  });
  const extras = { release: '0.1.0', payload_sha256: null, server: '4711', expect: '2xRTX 3070', country: 'RU' };
  const run = (o: { argv: readonly string[] }) =>
    Promise.resolve(ran(o.argv.length === 1 ? '' : `${host.join('\n')}\n`));
  const root = '/nonexistent';
  const record = await readHost({ extras, home: tmpdir(), tool: 'nvidia-smi', env: {}, run, nowMs: NOW_MS - SPAN_MS, root }); // prettier-ignore
  return HostRecord.parse(record);
}

/** Half an hour of the sampler's records: a fake tool prints the case's lines every five seconds. */
async function recordsOf(found: SmiCase): Promise<Timed<GpuRecord>[]> {
  const clock = new FakeClock();
  const stdout = new PassThrough();
  const sampler = new GpuSampler({
    ...{ tool: 'nvidia-smi', env: {}, clock, random: () => 1, needed: true, onEvent: () => undefined },
    spawn: () => ({ pid: 1, stdout, exited: new Promise(() => undefined), kill: () => undefined }),
  });
  sampler.start();
  const records: Timed<GpuRecord>[] = [];
  for (let at = 0; at < SPAN_MS; at += STEP_MS) {
    const lines = at < WELL_MS && found.host.length === 2 ? SMI_CASES.well.samples : found.samples;
    stdout.write(`${lines.join('\n')}\n`);
    await clock.advance(STEP_MS);
    const record = at % REPORT_MS === 0 ? sampler.record() : null;
    if (record !== null) records.push({ at_ms: NOW_MS - SPAN_MS + at, record: GpuRecord.parse(record) });
  }
  sampler.stop();
  return records;
}

async function judged(found: SmiCase) {
  const host = { at_ms: NOW_MS - SPAN_MS, record: await hostOf(found) };
  const gpu = await recordsOf(found);
  const two = order({ expect: [{ model: 'RTX 3070', count: 2 }], power_limits_w: [150, 150] });
  return adviseMachine(machineFacts({ order: two, claimed_hs: 62e6, delivered_hs: 61e6, facts: { host, gpu } }));
}

describe('nvidia-smi’s words and the verdict on them', () => {
  it.each([
    ['well', [], 'keep', ''],
    ['one_card_gone_at_boot', ['gpu_missing'], 'cancel', 'the driver shows 1 × NVIDIA GeForce RTX 3070: 1 too few'],
    ['one_card_lost', ['gpu_lost'], 'cancel', 'the driver has not shown NVIDIA GeForce RTX 3070 at 00000000:02:00.0'],
    ['one_card_lost_as_a_row', ['gpu_lost'], 'cancel', 'the driver has not shown NVIDIA GeForce RTX 3070'],
    ['no_devices', ['gpu_missing'], 'cancel', 'the driver shows none: 2 too few'],
    ['other_model', ['gpu_other_model'], 'blacklist', '1 × NVIDIA GeForce RTX 3060: 1 of another model'],
    ['wrong_power_limit', ['power_limit_other'], 'watch', 'GPU 0: 100 W, ordered 150 W'],
    ['thermal', ['throttled'], 'watch', 'GPU 1: thermal, '],
    ['thermal_by_software', ['throttled'], 'watch', 'GPU 1: thermal, '],
    ['power_brake', ['throttled'], 'watch', 'GPU 1: power, '],
    ['pcie_x1', ['throttled'], 'keep', 'GPU 1: PCIe x1 of x16'],
  ] as const)('%s: %j', async (name, verdicts, advice, says) => {
    const found = await judged(SMI_CASES[name]);
    expect(found.verdicts.map(({ verdict }) => verdict)).toEqual(verdicts);
    expect(found.advice).toBe(advice);
    expect(found.verdicts.flatMap(({ evidence }) => evidence).join('\n')).toContain(says);
  });
});
