// A clean probe run of twelve endpoints of different pools: what it costs in bytes, and how long it takes beside its parts.
import { realClock } from '../../platform/clock.ts';
import { probeRun, type RunOptions } from '../../reporter/net/run.ts';
import { POOLS, probeWorld } from '../fakes/probe-world.ts';
import { atMost, type Bench, type Findings, type Measurement } from './measurement.ts';
import { median } from './statistics.ts';

const BUDGET_BYTES = 90_000;
const TIME_BOUND = 1.2;
const AT_ONCE = 4;
/** A pool's round trip and its thinking, together. */
const ANSWER_MS = 60;

export const probe: Measurement = {
  name: 'probe',
  about: 'bytes and time of a clean probe run of twelve pools',
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const ratios: number[] = [];
  const wholes: number[] = [];
  const sizes: number[] = [];
  for (let round = 0; round < (bench.quick ? 1 : 3); round++) {
    await using world = await probeWorld(realClock, ANSWER_MS);
    const { targets, profile, collectors, deps } = world;
    const timed = async (o: Pick<RunOptions, 'targets' | 'collectors' | 'profile'>): Promise<number> => {
      const begun = performance.now();
      const { records } = await probeRun(
        {
          ...{ ...o, agent: 'spotrig-probe/bench', isWatched: false, isBulkDue: false, isFull: false },
          ...{ history: () => [], rest: new Map(), trace: () => undefined },
        },
        deps,
      );
      if (records.some(({ operation }) => operation !== null)) throw new Error('a pool of the bench was not reached');
      return performance.now() - begun;
    };
    const whole = await timed({ targets, collectors, profile });
    await realClock.sleep(50); // the last connections' bytes are counted when they are closed
    sizes.push(world.bytes());
    let sum = 0;
    for (const target of targets) {
      sum += await timed({ targets: [target], collectors: [], profile: { ...profile, baseline: [] } });
    }
    wholes.push(whole);
    ratios.push(whole / (sum / AT_ONCE));
    bench.say(
      `round ${round + 1}: ${whole.toFixed(0)} ms, each alone ${sum.toFixed(0)} ms in all, ${sizes.at(-1) ?? 0} bytes`,
    );
  }
  const [ratio, bytes, whole] = [median(ratios), median(sizes), median(wholes)];
  return {
    rows: [
      atMost('probe run, time', `${whole.toFixed(0)} ms`, `${POOLS} endpoints alone ÷ ${AT_ONCE}`, ratio, TIME_BOUND),
      {
        ...{
          what: 'probe run, bytes',
          measured: `${(bytes / 1000).toFixed(1)} kB`,
          against: `${POOLS} pools, all well`,
        },
        ...{ ratio: null, budget: `≤ ${BUDGET_BYTES / 1000} kB`, isOk: bytes <= BUDGET_BYTES },
      },
    ],
    values: { whole_ms: whole, ratio, bytes },
  };
}
