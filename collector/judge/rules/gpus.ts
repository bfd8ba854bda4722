// Which GPUs are there.
import type { ExpectedGpus } from '../../../wire/expected-gpus.ts';
import type { GpuSample, HostGpu } from '../../../wire/records.ts';
import { isPromisedModel } from '../gpu-model.ts';
import { promisedGpus, type MachineFacts } from '../machine-facts.ts';
import { duration, verdict, type Rule } from './rule.ts';

/** nvidia-smi tells each card every 5 s; reports come every 15 s. */
const LOST_AFTER_MS = 120_000;
const SAMPLE_FRESH_MS = 120_000;
/** A watchdog's word of a lost GPU holds for so long. */
const EVENT_MEMORY_MS = 3_600_000;

export const gpuMissing: Rule = (facts) => {
  const compared = compare(facts);
  if (compared === null || compared.missing === 0) return null;
  const { host, promised, seen, missing } = compared;
  const evidence = [
    `promised ${inWords(promised)}; the driver shows ${seen === '' ? 'none' : seen}: ${missing} too few`,
  ];
  return verdict('gpu_missing', host.at_ms, 0.95, evidence);
};

export const gpuOtherModel: Rule = (facts) => {
  const compared = compare(facts);
  if (compared === null || compared.other === 0) return null;
  const { host, promised, seen, other } = compared;
  const evidence = [`promised ${inWords(promised)}; the driver shows ${seen}: ${other} of another model`];
  return verdict('gpu_other_model', host.at_ms, 0.95, evidence);
};

/** A card of this boot that nvidia-smi shows no more, or that the miner's log calls lost. */
export const gpuLost: Rule = (facts) => lostByDriver(facts) ?? lostByLog(facts);

function lostByDriver({ host, gpu, now_ms }: MachineFacts): ReturnType<Rule> {
  const had = host?.record.gpus ?? [];
  const records = gpu.filter(({ at_ms }) => at_ms >= (host?.at_ms ?? Infinity));
  const newest = records.at(-1);
  if (newest === undefined || now_ms - newest.at_ms > SAMPLE_FRESH_MS) return null;
  const lost = had.filter((card) => !newest.record.gpus.some((sample) => isAlive(sample, card)));
  if (lost.length === 0) return null;
  const isGone = ({ gpus }: { gpus: readonly GpuSample[] }): boolean =>
    lost.some((card) => !gpus.some((sample) => isAlive(sample, card)));
  const seenWhole = records.findLast(({ record }) => !isGone(record));
  const since_ms = records.find(({ at_ms }) => at_ms > (seenWhole?.at_ms ?? -Infinity))?.at_ms ?? newest.at_ms;
  if (newest.at_ms - since_ms < LOST_AFTER_MS) return null;
  const names = lost.map((card) => `${card.model ?? 'a GPU'} at ${card.pci_bus ?? `index ${card.index}`}`).join(', ');
  return verdict('gpu_lost', since_ms, 0.95, [
    `the driver has not shown ${names} for ${duration(now_ms - since_ms)}; it was there when the container started`,
  ]);
}

function lostByLog({ events, now_ms }: MachineFacts): ReturnType<Rule> {
  const told = events.filter(
    ({ at_ms, record }) => record.event === 'watchdog_gpu_lost' && now_ms - at_ms <= EVENT_MEMORY_MS,
  );
  const [first] = told;
  if (first === undefined) return null;
  return verdict(
    'gpu_lost',
    first.at_ms,
    told.length > 1 ? 0.9 : 0.6,
    told.map(({ record }) => record.detail),
  );
}

/** A row of a lost card bears its index and nothing else. */
function isAlive(sample: GpuSample, card: HostGpu): boolean {
  const isSame = card.uuid === null ? sample.index === card.index : sample.uuid === card.uuid;
  return isSame && (sample.model !== null || sample.power_w !== null || sample.temperature_c !== null);
}

/** null: nothing was promised, or no driver tells (null GPUs: a machine without nvidia-smi). */
function compare(facts: MachineFacts) {
  const { host } = facts;
  const promised = promisedGpus(facts);
  if (promised === null || host === null || host.record.gpus === null) return null;
  const seen = [...host.record.gpus];
  let unmatched = 0;
  for (const { model, count } of promised) {
    for (let i = 0; i < count; i += 1) {
      const at = seen.findIndex((card) => card.model === null || isPromisedModel(model, card.model, card.memory_bytes));
      if (at === -1) unmatched += 1;
      else seen.splice(at, 1);
    }
  }
  const other = Math.min(unmatched, seen.length);
  return { host, promised, seen: seenInWords(host.record.gpus), other, missing: unmatched - other };
}

function inWords(gpus: readonly ExpectedGpus[]): string {
  return gpus.map(({ model, count }) => `${count} × ${model}`).join(', ');
}

function seenInWords(gpus: readonly HostGpu[]): string {
  const counts = Map.groupBy(gpus, ({ model }) => model ?? 'an unnamed GPU');
  return [...counts].map(([model, all]) => `${all.length} × ${model}`).join(', ');
}
