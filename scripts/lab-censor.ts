// npm run lab:censor: every technique of the censors, and every accident that looks like one, many times, each in a world of its own
// (test/lab/censor). Prints the matrix technique × verdict. Needs root.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../platform/errors.ts';
import { removeStaleWorlds, removeWorlds } from '../test/lab/box/world.ts';
import { makeLabKit } from '../test/lab/censor/lab-kit.ts';
import { PREFIX } from '../test/lab/censor/lab-world.ts';
import { matrixLines, summaryOf } from '../test/lab/censor/matrix.ts';
import { TECHNIQUES, type Technique } from '../test/lab/censor/techniques.ts';
import { runTrial, type TrialResult } from '../test/lab/censor/trial.ts';

const HELP = `usage: npm run lab:censor -- [options]

  --runs N        runs of each technique, their parameters varied (default 10)
  --only A,B      these techniques alone
  --parallel N    worlds at once (default 16)
  --scale X       long timers (idle, age, lists, watches, pauses) are multiplied by it (default 0.1)
  --json FILE     every trial with its record
  --list          the techniques, the verdicts that are right, and why
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    only: { type: 'string' },
    parallel: { type: 'string', default: '16' },
    scale: { type: 'string', default: '0.1' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'runs' | 'parallel' | 'scale', least: number, most: number): number {
  const value = Number(values[name]);
  if (value >= least && value <= most) return value;
  throw new Error(`--${name}: a number from ${least} to ${most}`);
}

function chosen(): Technique[] {
  const names = values.only?.split(',') ?? TECHNIQUES.map(({ name }) => name);
  return names.map((name) => {
    const found = TECHNIQUES.find((technique) => technique.name === name);
    if (found === undefined) throw new Error(`there is no technique ${name}; see --list`);
    return found;
  });
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.list) {
    for (const { name, allowed, why } of TECHNIQUES) console.log(`${name.padEnd(22)} ${allowed.join(', ')}: ${why}`);
    return 0;
  }
  if (process.getuid?.() !== 0) throw new Error('only root can make network namespaces');
  const techniques = chosen();
  const [runs, parallel, scale] = [numberOf('runs', 1, 1000), numberOf('parallel', 1, 64), numberOf('scale', 0.02, 1)];
  const stale = await removeStaleWorlds(PREFIX);
  if (stale > 0) console.log(`${stale} namespaces of an earlier run were removed`);
  const kit = await makeLabKit();
  const results: TrialResult[] = [];
  const errors: string[] = [];
  const begun = performance.now();
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopped.signal.aborted) console.log(`${signal}: taking everything down`);
      stopped.abort();
      void removeWorlds();
    });
  }
  // The long ones first: the rest fits beside them. Runs of one technique are spread, so that no two moments are alike.
  const queue = Array.from({ length: runs }, (_, run) => techniques.map((technique) => ({ technique, run })))
    .flat()
    .toSorted((a, b) => (b.technique.again_after_s ?? 0) - (a.technique.again_after_s ?? 0));
  const total = queue.length;
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !stopped.signal.aborted; next = queue.shift()) {
      try {
        const result = await runTrial(next.technique, next.run, scale, kit, stopped.signal);
        results.push(result);
        const { verdict, ms, is_allowed } = result;
        const mark = is_allowed ? 'ok   ' : 'WRONG';
        const place = `${results.length}/${total}`;
        const took = `${(ms / 1000).toFixed(0)} s`;
        console.log(`${mark} ${place.padStart(9)} ${next.technique.name} #${next.run}: ${verdict.verdict} (${took})`);
        if (!is_allowed) for (const line of verdict.evidence) console.log(`        ${line}`);
      } catch (error) {
        if (stopped.signal.aborted) return;
        errors.push(`${next.technique.name} #${next.run}: ${messageOf(error)}`);
        console.log(`ERROR ${errors.at(-1)}`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: parallel }, worker));
  } finally {
    await kit.remove();
  }
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(results));
  console.log(`\n${matrixLines(techniques, results).join('\n')}\n`);
  const { line, holds } = summaryOf(techniques, results, runs);
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  console.log(
    `scale ${scale}, ${parallel} worlds at once, ${seconds} s, ${errors.length} trials that the lab itself failed`,
  );
  console.log(line);
  if (stopped.signal.aborted) return 130;
  return holds && errors.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`lab:censor: ${messageOf(error)}`);
  return 1;
});
