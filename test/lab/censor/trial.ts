// One trial: a world with a technique at work, the real prober in it, the real control, and the judge over what they found.
import { join } from 'node:path';
import { realClock } from '../../../platform/clock.ts';
import { judge } from '../../../wire/judge.ts';
import type { ReachabilityRecord } from '../../../wire/reachability.ts';
import type { Verdict } from '../../../wire/verdict.ts';
import type { World } from '../box/world.ts';
import { COLLECTOR_URL, PLAIN_URL, TLS_URL, type LabKit } from './lab-kit.ts';
import { labProfile, labThresholds } from './lab-profile.ts';
import { makeLabWorld, type Setup } from './lab-world.ts';
import type { ProbeSpec } from './probe-process.ts';
import { varied, type Technique } from './techniques.ts';

export interface TrialResult {
  technique: string;
  run: number;
  verdict: Verdict;
  is_allowed: boolean;
  /** "Blocked" where nobody blocked anything. */
  is_false_block: boolean;
  record: ReachabilityRecord;
  /** What the box did. */
  strikes: number;
  ms: number;
}

const PROBE = join(import.meta.dirname, 'probe-process.ts');

/** Runs it in a world of its own. Rejects when the lab itself fails, never for what the technique does. */
export async function runTrial(
  technique: Technique,
  run: number,
  scale: number,
  kit: LabKit,
  signal?: AbortSignal,
): Promise<TrialResult> {
  const begun = performance.now();
  const setup = { ...technique.setup(varied(run, scale)), seed: run, scale };
  const world = await kit.starting(() => makeReady(setup, kit));
  let strikes = 0;
  let records: ReachabilityRecord[];
  try {
    records = [await measure(technique, scale, world, kit)];
    if (technique.again_after_s !== undefined) {
      await realClock.sleep(technique.again_after_s * 1000 * scale, signal);
      records.unshift(await measure(technique, scale, world, kit));
    }
    strikes = world.strikes.length;
  } finally {
    await world.close();
  }
  const [record, ...history] = records;
  if (record === undefined) throw new Error('no record');
  const verdict = judge({ sample: record, history, controls: record.controls, inside: [] }, labThresholds(scale));
  return {
    ...{ technique: technique.name, run, verdict, record, strikes, ms: performance.now() - begun },
    is_allowed: technique.allowed.includes(verdict.verdict),
    is_false_block: technique.innocent === true && verdict.verdict.startsWith('blocked:'),
  };
}

async function makeReady(setup: Setup, kit: LabKit): Promise<World> {
  const world = await makeLabWorld(setup, kit.certificates, kit.env);
  try {
    await kit.startCollector(world);
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

async function measure(technique: Technique, scale: number, world: World, kit: LabKit): Promise<ReachabilityRecord> {
  const spec: ProbeSpec = {
    // The pool's other port is its sibling: what works there and not here tells something.
    pools: technique.target === 'tls' ? [TLS_URL, PLAIN_URL] : [PLAIN_URL, TLS_URL],
    ...{ collector: COLLECTOR_URL, measures_collector: technique.target === 'collector', token: kit.token },
    profile: labProfile(scale, technique.watch_s),
  };
  const probe = await world.start('worker', [process.execPath, PROBE, JSON.stringify(spec)], {
    ...kit.env,
    NODE_EXTRA_CA_CERTS: kit.certificates.authority,
  });
  try {
    const [record] = JSON.parse(probe.all) as ReachabilityRecord[];
    if (record !== undefined) return record;
  } catch {
    // what it said instead is told below
  }
  throw new Error(
    `${technique.name}: the prober ended with ${probe.exitCode ?? 'a signal'}: ${probe.all.slice(0, 2000)}`,
  );
}
