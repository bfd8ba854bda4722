// Everything that can be said of a machine from what is stored of it (docs/design/011-the-judge.md). Pure and recomputable.
import { type MachineVerdict } from '../../wire/machine.ts';
import { MACHINE_VERDICTS, type MachineVerdictName } from '../../wire/machine-names.ts';
import type { MachineFacts } from './machine-facts.ts';
import { gpuLost, gpuMissing, gpuOtherModel } from './rules/gpus.ts';
import { duplicateBoot, flapping, offline } from './rules/life.ts';
import { powerLimitOther, throttled } from './rules/limits.ts';
import { notAtPool, rejects } from './rules/pool.ts';
import type { Rule } from './rules/rule.ts';
import { claimsTooMuch, slowClaimed, slowDelivered } from './rules/speed.ts';
import { noHello, stuckAtStage } from './rules/start.ts';
import { SEQUENTIAL, type SequentialSettings } from './sequential-test.ts';

/** What holds of the machine, in the order of MACHINE_VERDICTS; [] when nothing is wrong, or nothing is known. */
export function verdictsOf(facts: MachineFacts, settings: SequentialSettings = SEQUENTIAL): MachineVerdict[] {
  const rules = rulesOf(settings);
  return MACHINE_VERDICTS.flatMap((name) => rules[name](facts) ?? []);
}

function rulesOf(settings: SequentialSettings): Record<MachineVerdictName, Rule> {
  return {
    no_hello: noHello,
    stuck_at_stage: stuckAtStage,
    gpu_missing: gpuMissing,
    gpu_other_model: gpuOtherModel,
    gpu_lost: gpuLost,
    power_limit_other: powerLimitOther,
    throttled,
    slow_claimed: slowClaimed,
    slow_delivered: slowDelivered(settings),
    claims_too_much: claimsTooMuch(settings),
    not_at_pool: notAtPool,
    rejects,
    flapping,
    offline,
    duplicate_boot: duplicateBoot,
  };
}
