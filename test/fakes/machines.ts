// Made-up machines as the reader's API tells of them.
import type { HostRow, MachineRow, MachinesAnswer } from '../../wire/machine-api.ts';
import type { MachineVerdict } from '../../wire/machine.ts';

const AT = '2026-01-01T00:00:00.000Z';
const SLOW: MachineVerdict = {
  ...{ verdict: 'slow_delivered', blame: 'host', since_ms: Date.parse(AT) - 1_800_000, confidence: 0.99 },
  evidence: ['151 shares found where 251 were expected'],
};

/** One machine; its verdicts are those of its advice. */
export function machineRowOf(worker: string, over: Partial<MachineRow> = {}): MachineRow {
  const advice = over.advice ?? 'keep';
  return {
    ...{ worker, server: 4712, host: '7', at: AT, active: true, promised: '4xRTX 3070', bid_clore_day: 12 },
    ...{ placed_at: AT, ended_at: null, spent_clore: 3, algo: 'kawpow' },
    expected: { rate_hs: 124e6, low_hs: 110e6, high_hs: 130e6, source: 'reference', says: '2 tables at 130 W' },
    ...{ claimed_hs: 122e6, delivered_hs: 120e6, delivered_low_hs: 112e6, delivered_high_hs: 129e6 },
    pool: { api: 'rvn', pool_hs: 119e6, listed: true, at: AT, as_of: null },
    ...{ paid_hs: 118e6, clore_per_ths_day: 6, clore_per_ths_day_low: 5, clore_per_ths_day_high: 7 },
    ...{ advice, advice_since: AT, against_host: advice !== 'keep' },
    because: advice === 'keep' ? [] : [SLOW.verdict],
    verdicts: advice === 'keep' ? [] : [SLOW],
    ...over,
  };
}

/** Machines of every advice, and their hosts. */
export function machinesAnswer(workers: readonly string[]): MachinesAnswer {
  const advices = ['keep', 'cancel', 'watch', 'blacklist'] as const;
  const machines = workers.map((worker, i) =>
    machineRowOf(worker, { advice: advices[i % advices.length] ?? 'keep', host: String(i % 3), server: 4000 + i }),
  );
  const hosts = ['0', '1', '2'].map((host): HostRow => {
    const own = machines.filter((row) => row.host === host);
    const bad = own.filter(({ against_host }) => against_host).length;
    return {
      host,
      advice: bad > 1 ? 'blacklist' : 'keep',
      judged: own.length,
      bad,
      workers: own.map((row) => row.worker),
    };
  });
  return { machines, hosts };
}
