// What Rigel 1.23 answers on its API. Its pools carry wallet and password: nothing of them is read, so neither can leave through
// a sample.
import * as z from 'zod/mini';
import { GPUS_MAX } from '../wire/limits.ts';
import { AmountOrNull, CountOrNull, NameOrNull, listOf, parseJson, sumOf } from './api-fields.ts';
import type { MinerSample } from './miner.ts';

/** Figures by algorithm; anything else than such an object is empty. */
const RatesByAlgo = z.catch(z.record(z.string(), AmountOrNull), {});
const Shares = z.catch(z.object({ accepted: CountOrNull, rejected: CountOrNull, invalid: CountOrNull }), {
  accepted: null,
  rejected: null,
  invalid: null,
});

/** `GET /stat`. Hash rates are H/s by algorithm; `pci_address` is bus and device in hexadecimal; `uptime` is in seconds. */
const Stat = z.object({
  name: NameOrNull,
  version: NameOrNull,
  algorithm: NameOrNull,
  uptime: AmountOrNull,
  hashrate: RatesByAlgo,
  solution_stat: z.catch(z.record(z.string(), Shares), {}),
  devices: listOf(
    z.object({ id: CountOrNull, selected: z.catch(z.boolean(), true), pci_address: NameOrNull, hashrate: RatesByAlgo }),
  ),
});

/** `GET /stat` as a sample, of the first algorithm where there are two; null when it is none. Never throws. */
export function parseApi(text: string): MinerSample | null {
  const read = z.safeParse(Stat, parseJson(text));
  // Every field may be missing in some version, but not both of these.
  if (!read.success || (Object.keys(read.data.hashrate).length === 0 && read.data.devices.length === 0)) return null;
  const s = read.data;
  const algo = s.algorithm?.split('+')[0] ?? null;
  // Cards that are not selected do not mine.
  const devices = s.devices.filter((device) => device?.selected !== false).slice(0, GPUS_MAX);
  const gpus = devices.map((device, position) => ({
    index: device?.id ?? position,
    pci_bus: pciAddress(device?.pci_address ?? null),
    hashrate_hs: ofAlgo(device?.hashrate ?? {}, algo),
  }));
  const rates = gpus.map((gpu) => gpu.hashrate_hs);
  const shares = ofAlgo(s.solution_stat, algo);
  return {
    name: s.name?.toLowerCase() ?? null,
    version: s.version,
    algo,
    uptime_s: s.uptime,
    claimed_hs: ofAlgo(s.hashrate, algo) ?? (rates.length === 0 || rates.includes(null) ? null : sumOf(rates)),
    gpus,
    accepted: shares?.accepted ?? null,
    rejected: shares?.rejected ?? null,
  };
}

/** The figure of this algorithm; the only one there is, where the miner has another name for it. */
function ofAlgo<T>(figures: Readonly<Record<string, T>>, algo: string | null): T | null {
  if (algo !== null && Object.hasOwn(figures, algo)) return figures[algo] ?? null;
  const all = Object.values(figures);
  return all.length === 1 ? (all[0] ?? null) : null;
}

/** `01:00` as the driver writes it, `00000000:01:00.0`: rigs have one PCI domain, and a card is its function 0. */
function pciAddress(address: string | null): string | null {
  const [, bus, device] = /^(?:[0-9a-f]{4,8}:)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.0)?$/i.exec(address ?? '') ?? [];
  return bus === undefined || device === undefined ? null : `00000000:${bus}:${device}.0`.toUpperCase();
}
