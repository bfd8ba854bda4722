// The whole simulation: scenarios over lanes, summed.
import { Worker } from 'node:worker_threads';
import { type Batch, type LaneData, runLane } from './lane.ts';
import { add, againstWald, NOTHING, scenariosOf, type Scenario, type Tally } from './scenarios.ts';

export interface Outcome {
  scenario: Scenario;
  tally: Tally;
  /** Mean expected shares to the decision ÷ Wald's; null: not to be compared. */
  wald: number | null;
}

/** Runs every scenario. The same seed and days give the same outcome, whatever the lanes. One lane runs in this thread. */
export async function simulate(o: {
  seed: number;
  days: number;
  lanes: number;
  onProgress?: (lives: number, all: number) => void;
}): Promise<Outcome[]> {
  const scenarios = scenariosOf(o.days);
  const tallies = scenarios.map(() => NOTHING);
  const all = scenarios.reduce((sum, { lives }) => sum + lives, 0);
  let done = 0;
  const take = ({ scenario, tally }: Batch): void => {
    tallies[scenario] = add(tallies[scenario] ?? NOTHING, tally);
    done += tally.lives;
    o.onProgress?.(done, all);
  };
  const { seed, days, lanes } = o;
  if (lanes === 1) runLane({ seed, days, first: 0, lanes }, take);
  else await Promise.all(Array.from({ length: lanes }, (_, first) => inThread({ seed, days, first, lanes }, take)));
  return scenarios.map((scenario, i) => {
    const tally = tallies[i] ?? NOTHING;
    return { scenario, tally, wald: againstWald(scenario, tally) };
  });
}

function inThread(data: LaneData, take: (batch: Batch) => void): Promise<void> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL('lane.ts', import.meta.url), { workerData: data });
    worker.on('message', (batch: Batch) => take(batch));
    worker.once('error', failed);
    worker.once('exit', (code) => (code === 0 ? done() : failed(new Error(`a lane ended with code ${code}`))));
  });
}

/** What must hold (issue: wrong advice on 1 % of honest worker-days at most; 1.3 times Wald's number). */
export const WRONG_DAYS_MAX = 0.01;
export const WALD_MAX = 1.3;

/** What does not hold, in sentences; [] when all does. */
export function complaintsOf(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ scenario, tally, wald }) => {
    if (scenario.of_low === null) {
      const wrong = tally.bad_days / tally.days;
      return wrong > WRONG_DAYS_MAX ? [`honest: wrong advice on ${(wrong * 100).toFixed(2)} % of the days`] : [];
    }
    return scenario.hides && wald !== null && wald > WALD_MAX
      ? [`${scenario.name}: ${wald.toFixed(2)} times Wald's number`]
      : [];
  });
}

/** The table. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const head = ['machines', 'lives', 'days', 'cancel+', 'of days', 'black', 'shares', '÷ Wald', 'time', 'because of'];
  const rows = outcomes.map(({ scenario, tally, wald }) => [
    scenario.name,
    String(tally.lives),
    String(tally.days),
    `${((100 * tally.decided) / tally.lives).toFixed(1)} %`,
    scenario.of_low === null ? `${((100 * tally.bad_days) / tally.days).toFixed(2)} %` : '',
    `${((100 * tally.blacklisted) / tally.lives).toFixed(1)} %`,
    tally.decided === 0 ? '' : (tally.waited_shares / tally.decided).toFixed(0),
    wald === null ? '' : wald.toFixed(2),
    tally.decided === 0 ? '' : `${(tally.waited_s / tally.decided / 60).toFixed(0)} min`,
    Object.entries(tally.because)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => (cells[column] ?? '').length)));
  return [head, ...rows]
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ) // prettier-ignore
    .join('\n');
}

/** The last line. */
export function summaryOf(outcomes: readonly Outcome[]): string {
  const honest = outcomes.find(({ scenario }) => scenario.of_low === null)?.tally ?? NOTHING;
  const hidden = outcomes.filter(({ scenario }) => scenario.hides);
  const found = hidden.map(({ scenario, tally, wald }) => {
    const rate = `${((scenario.of_low ?? 0) * 100).toFixed(0)} %`;
    return `${rate} ${((100 * tally.decided) / tally.lives).toFixed(1)} % at ${wald?.toFixed(2) ?? '-'} × Wald`;
  });
  const wrong = `${honest.bad_days} of ${honest.days} honest worker-days with wrong advice`;
  const complaints = complaintsOf(outcomes);
  return `${wrong}; found: ${found.join(', ')}: ${complaints.length === 0 ? 'all holds' : complaints.join('; ')}`;
}
