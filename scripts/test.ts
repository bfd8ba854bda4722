// npm test: checks, unit tests, integration tests. Under five minutes on two cores and without Docker.
// With --lab the lab (a real Docker engine, see scripts/lab.ts) follows, and the last line counts both.
import { $ } from 'zx';
import { close, runProjects } from './vitest.ts';
import { runLab } from './lab.ts';

const { exitCode } = await $({ nothrow: true, stdio: 'inherit' })`node scripts/check.ts`;
const counts = await runProjects('test', ['unit', 'integration']);
if (exitCode !== 0) counts.failed += 1;
if (process.argv.includes('--lab')) {
  const lab = await runLab();
  counts.passed += lab.passed;
  counts.failed += lab.failed;
  counts.skipped += lab.skipped;
}
close(counts);
