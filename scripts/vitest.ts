// Runs test projects and counts what ran, so that the last line says it plainly.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { $ } from 'zx';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const RESULTS = '.cache/results';

/** Runs vitest for these projects, shows its output, and returns its counts; a run that wrote no result counts as one failure. */
export async function runProjects(
  name: string,
  projects: readonly string[],
  args: readonly string[] = [],
): Promise<Counts> {
  const file = `${RESULTS}/${name}.json`;
  await mkdir(RESULTS, { recursive: true });
  await rm(file, { force: true });
  const wanted = projects.flatMap((p) => ['--project', p]);
  const { exitCode } = await $({
    nothrow: true,
    stdio: 'inherit',
  })`vitest run ${wanted} --reporter=default --reporter=json --outputFile.json=${file} ${args}`;
  const counts = await readCounts(name);
  // Errors outside a test (an unhandled rejection, say) fail the run and are in no test's count.
  return exitCode === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** The counts that a run left behind. */
async function readCounts(name: string): Promise<Counts> {
  try {
    const result = JSON.parse(await readFile(`${RESULTS}/${name}.json`, 'utf8')) as Record<string, unknown>;
    const count = (key: string): number => Number(result[key] ?? 0);
    return {
      passed: count('numPassedTests'),
      failed: count('numFailedTests'),
      skipped: count('numPendingTests') + count('numTodoTests'),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Prints the plain closing line and sets the exit code. */
export function close(counts: Counts): void {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}
