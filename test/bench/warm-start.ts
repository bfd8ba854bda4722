// From the start of entrypoint.sh to the miner's exec, everything being on the disk already, against `node -e 0` with the same
// Node. The script runs as in step 4 of the DELEGATED_ENTRYPOINT contract, under the collector's address of a sink on loopback,
// so that no network is part of it. The miner is a bash script whose first act is to note the time; bash's own start (about a
// millisecond) is counted as ours. A small bash starts both sides and notes the time before: a fork of this large process would
// add the same 15 ms to both, and so make the ratio look better than it is.
import { join } from 'node:path';
import { runForOutput } from '../../platform/process.ts';
import { FakeCollector } from '../fakes/report-collector.ts';
import { CONTAINER_PATH as PATH, Container, type Phases } from './container.ts';
import { atMost, plain, type Bench, type Findings, type Measurement } from './measurement.ts';
import { median, quantile } from './statistics.ts';

const MEDIAN_MAX = 3;
const P90_MAX = 4;

/** Start of the script to the miner's exec. */
export const warmStart: Measurement = { name: 'warm-start', about: 'start of entrypoint.sh to miner exec', run };

async function run(bench: Bench): Promise<Findings> {
  const [rounds, traced] = bench.quick ? [7, 3] : [31, 9];
  const container = new Container(join(bench.workDir, 'warm-start'));
  const sink = new FakeCollector();
  sink.fate = (request) => (request.url.endsWith('/v1/hello') ? { status: 204 } : 'ok');
  const { url, close } = await sink.listen();
  try {
    bench.say('cold start, to fill the disk');
    await container.fill(await bench.release(), url);
    const start_ms: number[] = [];
    const node_ms: number[] = [];
    // The first round warms both up.
    for (let round = 0; round <= rounds; round++) {
      bench.signal.throwIfAborted();
      const start = await container.start({ SPOTRIG_COLLECTOR: url });
      const node = await timeOfNode(await container.node());
      if (round === 0) continue;
      start_ms.push(start);
      node_ms.push(node);
      if (round % 5 === 0 || round === rounds) {
        bench.say(`round ${round} of ${rounds}: median ${median(start_ms).toFixed(1)} ms, node -e 0 ${median(node_ms).toFixed(1)} ms`); // prettier-ignore
      }
    }
    const phases: Phases[] = [];
    for (let round = 0; round < traced; round++) {
      bench.signal.throwIfAborted();
      phases.push(await container.traced({ SPOTRIG_COLLECTOR: url }));
    }
    const base = median(node_ms);
    const middle = (of: keyof Phases): string => median(phases.map((p) => p[of])).toFixed(1);
    const against = `node -e 0: ${base.toFixed(1)} ms`;
    return {
      rows: [
        atMost('warm start, median', `${median(start_ms).toFixed(1)} ms`, against, median(start_ms) / base, MEDIAN_MAX),
        atMost('warm start, p90', `${quantile(start_ms, 0.9).toFixed(1)} ms`, against, quantile(start_ms, 0.9) / base, P90_MAX),
        plain(
          'warm start, where it goes',
          `head ${middle('head_ms')} ms, Node ${middle('node_ms')} ms`,
          `load ${middle('load_ms')} ms, to spawn ${middle('work_ms')} ms, exec ${middle('exec_ms')} ms`,
        ),
      ], // prettier-ignore
      values: { start_ms, node_ms, phases },
    };
  } finally {
    await close();
    await container.remove();
  }
}

/** Time of `node -e 0` in ms. */
async function timeOfNode(node: string): Promise<number> {
  const script = 'begun=$EPOCHREALTIME; "$0" -e 0 || exit; echo "$begun $EPOCHREALTIME"';
  const argv = ['/bin/bash', '-c', script, node];
  const { code, stdout } = await runForOutput({ argv, env: { PATH }, timeoutMs: 60_000, maxBytes: 100 });
  if (code !== 0) throw new Error(`node -e 0 ended with ${code}`);
  const [begun, ended] = stdout.split(' ');
  return (Number(ended) - Number(begun)) * 1000;
}
