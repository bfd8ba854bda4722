// npm run bench:judge: thousands of days of machines whose truth is known, judged by the product's own verdicts and advice.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { complaintsOf, simulate, summaryOf, tableOf } from './simulate.ts';

const HELP = `npm run bench:judge [-- options]: machines with a known truth, judged by the collector's verdicts and advice

  --days N     worker-days of honest machines (default 10000); a slow life of each kind for each 25 of them
  --seed S     a whole number (default 1); the same seed and days give the same table
  --lanes N    threads (default: one for each core, two at least)
  --help       this text

Honest machines hash from the low end of what is expected up, under vardiff, DAGs, restarts, pools that stumble, ±10 % by block height
and lines that are dead for a while. Columns: cancel+: orders with any advice to cancel or blacklist; of days: worker-days with it;
black: orders blacklisted; shares: mean expected shares until then, and by how much that is more than Wald's expected number at errors of
1 % (against exactly the true rate); time: mean time until then, the first DAG and all stumbles included. The last line sums it up.
Exit code 0: all holds; 1: something does not.`;

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: String(Math.max(2, availableParallelism())) },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: 'days' | 'seed' | 'lanes', least: number): number {
  const value = /^[0-9]{1,9}$/.test(values[name]) ? Number(values[name]) : NaN;
  if (value >= least) return value;
  console.error(`--${name}: a whole number from ${least} on, not ${JSON.stringify(values[name])}`);
  process.exit(64);
}

if (values.help) {
  console.log(HELP);
} else {
  const begun = performance.now();
  let said = 0;
  const outcomes = await simulate({
    ...{ days: whole('days', 1), seed: whole('seed', 0), lanes: whole('lanes', 1) },
    onProgress: (lives, all) => {
      if (lives < all && performance.now() - said < 10_000) return;
      said = performance.now();
      console.log(`${lives} of ${all} orders, ${((said - begun) / 1000).toFixed(0)} s`);
    },
  });
  console.log(`\n${tableOf(outcomes)}\n`);
  console.log(summaryOf(outcomes));
  if (complaintsOf(outcomes).length > 0) process.exitCode = 1;
}
