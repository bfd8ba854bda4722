// What T-Rex 0.26.8 answers on its API.
import * as z from 'zod/mini';
import { GPUS_MAX } from '../wire/limits.ts';
import { AmountOrNull, CountOrNull, NameOrNull, listOf, parseJson, sumOf } from './api-fields.ts';
import type { MinerSample } from './miner.ts';

/** `GET /summary`. Hash rates are whole H/s, `pci_bus` is the bus number, `uptime` is in seconds. */
const Summary = z.object({
  name: NameOrNull,
  version: NameOrNull,
  algorithm: NameOrNull,
  uptime: AmountOrNull,
  hashrate: AmountOrNull,
  accepted_count: CountOrNull,
  rejected_count: CountOrNull,
  gpus: listOf(z.object({ device_id: CountOrNull, pci_bus: CountOrNull, hashrate: AmountOrNull })),
});

/** After a start the total lags behind the cards: at or below this part of their sum, the sum is the better figure. */
const LAGGING_TOTAL = 0.6;

/** `GET /summary` as a sample; null when it is none. Never throws. */
export function parseApi(text: string): MinerSample | null {
  const raw = parseJson(text);
  const read = z.safeParse(Summary, raw);
  // Every field may be missing in some version, but not both of these.
  if (!read.success || (read.data.hashrate === null && read.data.gpus.length === 0)) return null;
  const s = read.data;
  const gpus = s.gpus.slice(0, GPUS_MAX).map((gpu, position) => ({
    index: gpu?.device_id ?? position,
    pci_bus: pciAddress(gpu?.pci_bus ?? null),
    hashrate_hs: gpu?.hashrate ?? null,
  }));
  const ofGpus = s.gpus.map((gpu) => gpu?.hashrate ?? null);
  return {
    name: s.name,
    version: s.version,
    algo: s.algorithm,
    uptime_s: s.uptime,
    claimed_hs: total(s.hashrate, ofGpus),
    gpus,
    accepted: s.accepted_count,
    rejected: s.rejected_count,
  };
}

function total(claimed: number | null, ofGpus: readonly (number | null)[]): number | null {
  const sum = sumOf(ofGpus);
  if (claimed === null) return ofGpus.includes(null) ? null : sum;
  return sum !== null && claimed <= LAGGING_TOTAL * sum ? sum : claimed;
}

/**
 * The address as the driver writes it. T-Rex gives the bus alone; a card is device 0 of its bus (PCIe links are point to
 * point), and rigs have one PCI domain.
 */
function pciAddress(bus: number | null): string | null {
  if (bus === null || bus > 255) return null;
  return `00000000:${bus.toString(16).toUpperCase().padStart(2, '0')}:00.0`;
}
