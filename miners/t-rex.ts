// T-Rex 0.26.8, NVIDIA, closed source, frozen since 2022. Flags by its own help text, log lines by its issue threads.
import * as z from 'zod/mini';
import { GPUS_MAX } from '../wire/limits.ts';
import { AmountOrNull, CountOrNull, NameOrNull, listOf, parseJson, sumOf } from './api-fields.ts';
import type { LogSign, PublishedMiner, MinerLaunch, MinerSample } from './miner.ts';

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

function argv(l: MinerLaunch): string[] {
  return [
    [l.binary],
    ['-a', l.algo],
    ['-o', `${l.pool.scheme}://${l.pool.host}:${l.pool.port}`],
    ['-u', l.wallet, '-w', l.worker, '-p', l.password],
    ['-R', '1'], // the shortest pause: it must be back at the relay soon after the relay is back
    ['--api-bind-http', `127.0.0.1:${l.apiPort}`, '--api-read-only'],
    ['--no-watchdog', '--no-color', '--no-new-block-info'],
    ['-N', '30', '--gpu-report-interval', '60'],
    l.extraArgs,
  ].flat();
}

function parseApi(text: string): MinerSample | null {
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

/** In this order: CUDA reports a full memory and a lost card as CUDA errors too. */
const SIGNS: readonly [RegExp, LogSign][] = [
  [/generating DAG/i, 'dag_begin'],
  [/DAG generated/i, 'dag_done'],
  [/OUT_OF_MEMORY|not (?:have )?enough (?:free )?memory|memory allocation attempts exceeded/i, 'out_of_memory'],
  [/GPU is lost|GPU_IS_LOST|has a problem with GPU|Xid\D{0,20}79\b/i, 'gpu_lost'],
  [/CUDA_ERROR_|cuda exception/i, 'cuda_error'],
  [
    /authoriz\w* (?:error|failed|rejected)|(?:not|un)[ -]?authorized|(?:can't|cannot|failed to) authorize/i,
    'login_refused',
  ],
];

/** T-Rex mines on NVIDIA cards. */
export const tRex: PublishedMiner = {
  name: 't-rex',
  release: {
    asset: /^t-rex-(?<version>\d+\.\d+\.\d+)-linux\.tar\.gz$/,
    url: (version, asset) => `https://github.com/trexminer/T-Rex/releases/download/${version}/${asset}`,
    member: () => 't-rex',
  },
  argv,
  env: {},
  apiUrl: (apiPort) => `http://127.0.0.1:${apiPort}/summary`,
  parseApi,
  logSign: (line) => SIGNS.find(([pattern]) => pattern.test(line))?.[1] ?? null,
  graceMs: 180_000,
  stopLadder: [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGTERM', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 2_000 },
  ],
  needsNvidia: true,
};
