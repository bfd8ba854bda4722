// npm run check: everything that can be said without running the product. Each step is named; the first that fails ends it.
import { $, type ProcessOutput } from 'zx';

const quiet = $({ nothrow: true, quiet: true });

/** Name and command of each step, cheap ones first. */
const steps: [string, () => PromiseLike<ProcessOutput>][] = [
  ['generated docs', () => quiet`node scripts/docs.ts --check`],
  [
    'format',
    () => quiet`prettier --check --cache --cache-strategy=content --cache-location=.cache/prettier --log-level warn .`,
  ],
  ['lint', () => quiet`oxlint --type-aware --deny-warnings`],
  ['types', () => quiet`tsc -p .`],
  ['types of the page', () => quiet`tsc -p collector/page`],
  ['nothing unused', () => quiet`knip`],
];

for (const [name, run] of steps) {
  const begun = performance.now();
  const { exitCode, stdout, stderr } = await run();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (exitCode !== 0) {
    console.log(stdout + stderr);
    process.exit(1);
  }
}
