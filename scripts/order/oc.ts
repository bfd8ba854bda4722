// Power limit and clocks: one object for each GPU, in the machine's order, within the ranges of each.
import type { Oc } from './body.ts';
import { type Fleet, type GpuWish, modelKey } from './fleet.ts';
import { type Refused, refused } from './reasons.ts';
import type { Machine, MachineGpu } from './snapshot.ts';

const CLOCKS = ['core_lock', 'mem_lock', 'core_offset', 'mem_offset'] as const;

/** What each GPU is ordered with; or why it cannot be. Every model must be one of the fleet's. */
export function ocOf(machine: Machine, fleet: Pick<Fleet, 'gpus' | 'oc_outside'>): { oc: Oc[] } | Refused {
  const oc: Oc[] = [];
  for (const [i, gpu] of machine.gpus.entries()) {
    const wish = fleet.gpus.get(modelKey(gpu.model));
    if (wish === undefined) return refused('gpu_model', gpu.model);
    const one = ocOfGpu(gpu, wish, fleet.oc_outside);
    if (typeof one === 'string') return refused('oc_range', `GPU ${i} (${gpu.model}): ${one}`);
    oc.push(one);
  }
  return { oc };
}

function ocOfGpu(gpu: MachineGpu, wish: GpuWish, outside: Fleet['oc_outside']): Oc | string {
  const pl = within(gpu.pl, wish.pl, outside);
  if (pl === null || pl < 1) return complaint('pl', wish.pl, gpu.pl);
  const oc: Oc = { pl };
  for (const key of CLOCKS) {
    const wanted = wish[key];
    if (wanted === undefined) continue;
    const value = within(gpu[key], wanted, outside);
    if (value !== null) oc[key] = value;
    // Where the market gives no range at all, a clock can be left as it is; a power limit cannot.
    else if (outside === 'refuse' || gpu[key] !== null) return complaint(key, wanted, gpu[key]);
  }
  return oc;
}

/** A whole number in the range; null where there is none, or none that may be taken. */
function within(range: MachineGpu['pl'], wanted: number, outside: Fleet['oc_outside']): number | null {
  if (range === null) return null;
  const [least, most] = [Math.ceil(range[0]), Math.floor(range[1])];
  if (least > most) return null;
  if (wanted >= least && wanted <= most) return wanted;
  return outside === 'clamp' ? Math.min(Math.max(wanted, least), most) : null;
}

function complaint(key: string, wanted: number, range: MachineGpu['pl']): string {
  return `${key} ${wanted} ${range === null ? 'has no range' : `is not in ${range[0]}..${range[1]}`}`;
}
