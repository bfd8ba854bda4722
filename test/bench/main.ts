// npm run bench: what spotrig costs, side by side with what one would use instead, in one run on one machine.
//
// How to read the table. "measured" is ours, "compared with" is the other side in the same run, "ratio" is ours divided by it,
// "budget" is the bound of the design (section 8). Absolute figures differ from machine to machine; the ratio is what counts, and
// OVER says that it is not kept here. A busy machine distorts: the header tells its load, so run it where little else runs.
//
//   size        bytes that a worker fetches and loads
//   warm-start  start of entrypoint.sh to the miner's exec, all on disk, against `node -e 0`. "where it goes": head (bash, and the
//               kernel loading Node); Node's own start; load (the bundle's synchronous part); to spawn (settings, home, ports, relay,
//               miner's program); exec (fork, exec and the miner's first act). Traced in rounds of their own: tracing costs a little.
//   cold-start  the same from an empty disk over a link of 50 Mbit/s and 80 ms (a process of the bench between worker and mirror),
//               against the time that the link needs for the runtime's and the miner's bytes. The miner is a stand-in of real size.
//   relay       a submit and its answer one at a time: through the relay less direct, in each direction. The bare pipe is a
//               process that only passes bytes: what it adds is the machine's doing, the rest is the relay's.
//   probe       a clean run over twelve pools on loopback: raw bytes of everything (baseline, all resolvers, control, pools), and its
//               time against that of each pool measured alone, four at once being allowed
//   ingest      reports per second of the collector on SQLite against a route that unzips, parses and validates the same
//   fleet       2,000 workers under orders that report every 15 s for ten minutes: what is stored, how long readers wait, and what it costs
//   frp         a line's round trip and a stream's rate through frp, by rung, against a direct connection; frpc's memory and CPU beside
//               the worker's own. It needs go to build frp once; nginx and sshd, where they are, for the rungs wss and ssh
//   image       the size check of a 2 GB image, as a whole process, against reading, unpacking and hashing the same layers, and nothing
//               else; from the engine against docker save | sha256sum; and against dive, where go can build it
//   footprint   memory and CPU of bash and Node at work for ten minutes, against an idle Node. RSS counts the binary's pages in
//               full, as the budget does; PSS shares them among the Nodes that run, the idle one too.
//
// The sides of a comparison take turns (A B A B …); figures are medians unless they say p90 or p99.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../platform/errors.ts';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease, ROOT } from '../../scripts/release/release.ts';
import { bundleSize } from './bundle-size.ts';
import { coldStart } from './cold-start.ts';
import { fleet } from './fleet.ts';
import { footprint } from './footprint.ts';
import { frp } from './frp.ts';
import { imageCheck } from './image-check.ts';
import { ingest } from './ingest.ts';
import type { Bench, Findings, Measurement, Row } from './measurement.ts';
import { probe } from './probe.ts';
import { relayLatency } from './relay-latency.ts';
import { formatTable } from './table.ts';
import { warmStart } from './warm-start.ts';

const MEASUREMENTS: readonly Measurement[] = [
  bundleSize,
  warmStart,
  coldStart,
  relayLatency,
  probe,
  ingest,
  footprint,
  fleet,
  frp,
  imageCheck,
];

const HELP = `npm run bench [-- options]: what spotrig costs, as ratios, against the budgets of the design

  --only NAME[,NAME]  these alone
${MEASUREMENTS.map((m) => `                        ${m.name.padEnd(11)} ${m.about}`).join('\n')}
  --quick             fewer rounds, and half a minute instead of ten for the footprint
  --json FILE         write all figures there too
  --help              this text

Exit code 0 also when a budget is not kept (the table says so), 1 when a measurement broke. How to read the table is told at
the top of test/bench/main.ts.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function chosen(only: string | undefined): readonly Measurement[] {
  if (only === undefined) return MEASUREMENTS;
  return only.split(',').map((name) => {
    const found = MEASUREMENTS.find((m) => m.name === name.trim());
    if (found === undefined) throw new Error(`there is no measurement "${name}": see --help`);
    return found;
  });
}

/** The machine as far as it explains the figures. */
function machine() {
  const { model = 'unknown processor' } = cpus()[0] ?? {};
  return { node: process.version, processor: model, cores: cpus().length, load: loadavg() };
}

async function bench(): Promise<void> {
  const measurements = chosen(values.only);
  const parent = join(ROOT, '.cache/bench');
  await mkdir(parent, { recursive: true });
  const workDir = await mkdtemp(join(parent, 'run-'));
  // Where all parts put their files: the system's own may be memory, and a disk is what the product has.
  process.env['TMPDIR'] = workDir;
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ended.abort(new Error(signal)));

  const here = machine();
  console.log(`${here.processor}, ${here.cores} cores, load ${here.load[0]?.toFixed(2)}; Node ${here.node}\n`);
  let built: Promise<string> | null = null;
  const release = async (say: Bench['say']): Promise<string> => {
    const out = join(workDir, 'release');
    await buildRelease({ out, xz: values.quick ? 'cached' : 'make', log: say });
    await buildPage({ out: join(out, 'page') });
    return out;
  };
  const rows: Row[] = [];
  const all: Record<string, Findings['values']> = {};
  const broken: string[] = [];
  try {
    for (const measurement of measurements) {
      const { name } = measurement;
      const begun = performance.now();
      const say = (text: string): void => {
        console.log(`${name.padEnd(10)} ${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${text}`);
      };
      try {
        const found = await measurement.run({
          ...{ quick: values.quick, signal: ended.signal, workDir, say },
          release: () => (built ??= release(say)),
        });
        rows.push(...found.rows);
        all[name] = found.values;
      } catch (error) {
        ended.signal.throwIfAborted();
        broken.push(`${name}: ${messageOf(error)}`);
        say(`broke: ${messageOf(error)}`);
      }
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }

  console.log(`\n${formatTable(rows)}\n`);
  const over = rows.filter((row) => row.isOk === false).map((row) => row.what);
  console.log(over.length === 0 ? 'Every budget is kept.' : `Over budget: ${over.join('; ')}.`);
  for (const line of broken) console.log(`Broke: ${line}`);
  if (broken.length > 0) process.exitCode = 1;
  if (values.json !== undefined) {
    const result = { machine: here, quick: values.quick, rows, values: all, broken };
    await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  }
}

if (values.help) {
  console.log(HELP);
} else {
  try {
    await bench();
  } catch (error) {
    console.error(`bench: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
